"""Whether a shorter way gives a model's logits is tried once for a base and all that was trained from it."""

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from bench.model.loading.packed_linear import pack_linears
from bench.model.loading.rounding import round_weights
from bench.model.transformers_private import NAME_KEY
from bench.model.trials import tried_once
from tests.evals.loud import loud


@pytest.fixture
def base() -> Any:
    return loud("llama")


def trained(base: Any) -> Any:
    """The base with other weights, from another folder."""
    model = copy.deepcopy(base)
    setattr(model.config, NAME_KEY, "job/weights")
    with torch.no_grad():
        model.lm_head.weight.mul_(2)
    return model


class Counted:
    """A trial that says how often it was made."""

    def __init__(self) -> None:
        self.trials = 0
        self.verdict = tried_once(self._try)

    def _try(self, model: Any) -> int:
        self.trials += 1
        return self.trials


def test_a_base_and_what_was_trained_from_it_are_tried_once(base: Any) -> None:
    """What it is for: on a real base each trial is a dozen passes, for each subject anew."""
    counted = Counted()
    assert [counted.verdict(model) for model in (base, trained(base), base)] == [1, 1, 1]


def test_a_model_that_tells_nothing_decides_for_no_other(base: Any) -> None:
    """A training that diverged may be the first of its kind."""
    verdicts, diverged = iter([None, 7]), trained(base)
    verdict = tried_once(lambda model: next(verdicts))
    assert [verdict(model) for model in (diverged, diverged, base, trained(base))] == [None, None, 7, 7]


def packed(model: Any) -> Any:
    pack_linears(model)
    return model


def merged(base: Any) -> Any:
    """The base with an adapter merged in fp32 and rounded, as evals load one."""
    adapted: Any = get_peft_model(trained(base).float(), LoraConfig(target_modules=["q_proj"]))
    model = adapted.merge_and_unload()
    round_weights(model, base.dtype)
    return model


def test_packed_models_and_merged_ones_are_of_one_kind(base: Any) -> None:
    """Evals pack every subject, and most adapters are merged."""
    counted = Counted()
    base = base.to(torch.bfloat16)
    models = [base, merged(base), packed(trained(base)), packed(merged(base))]
    assert [counted.verdict(model) for model in models] == [1, 1, 2, 2]


def with_other_heads(base: Any) -> Any:
    model = trained(base)
    model.config.num_attention_heads *= 2
    return model


def with_other_numbers(base: Any) -> Any:
    return trained(base).to(torch.bfloat16)


def with_another_layer(base: Any) -> Any:
    model = trained(base)
    model.model.norm = torch.nn.LayerNorm(model.config.hidden_size)
    return model


def with_a_forward_of_its_own(base: Any) -> Any:
    model = trained(base)
    model.model.forward = lambda **_: None
    return model


def with_a_hook(base: Any) -> Any:
    model = trained(base)
    model.model.layers[0].register_forward_pre_hook(lambda *_: None)
    return model


def with_an_adapter(base: Any) -> Any:
    return get_peft_model(trained(base), LoraConfig(target_modules=["q_proj"])).base_model.model  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "changed",
    [
        with_other_heads,
        with_other_numbers,
        with_another_layer,
        with_a_forward_of_its_own,
        with_a_hook,
        with_an_adapter,
    ],
)
def test_a_model_that_computes_otherwise_is_tried_by_itself(base: Any, changed: Any) -> None:
    counted = Counted()
    model = changed(base)
    assert [counted.verdict(one) for one in (base, model, model)] == [1, 2, 2]


@pytest.mark.parametrize("changed", [with_a_forward_of_its_own, with_a_hook, with_an_adapter])
def test_what_no_configuration_tells_is_tried_for_each_model(base: Any, changed: Any) -> None:
    """Two adapters, or two hooks, may do different things."""
    counted = Counted()
    models = [changed(base), changed(base)]
    assert [counted.verdict(model) for model in models] == [1, 2]
