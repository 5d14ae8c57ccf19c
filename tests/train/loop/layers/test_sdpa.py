"""Attention of any model in C++ while it is trained: the same training, and torch's wherever more is asked."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, MistralConfig
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from bench.train.accounting.meter import Meter
from bench.train.loop.layers.sdpa import SdpaInCpp, computes_as_torch
from tests.compiler import needs_compiler
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint
from tests.fakes.training import make_recipe, make_rows, make_trainer

pytestmark = needs_compiler

SDPA = "bench.train.loop.layers.sdpa"


def heads(length: int = 9, *, keys: int = 2) -> list[Tensor]:
    """Queries, keys and values [rows, heads, length, size] that want gradients."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, count, length, 16, generator=generator, requires_grad=True) for count in (4, keys, keys)]


def called(
    given: list[Tensor], mask: Tensor | None = None, *, causal: bool = True, **asked: Any
) -> tuple[Tensor, bool]:
    """The output, and whether it was computed in C++."""
    sdpa, module = SdpaInCpp(), SimpleNamespace(num_key_value_groups=2, is_causal=causal)
    return sdpa(module, *given, mask, **asked)[0], sdpa.used


@pytest.mark.parametrize("packing", ["none", "bfd"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_losses_are_those_of_torchs_attention(
    architecture: Architecture, packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_checkpoint(tmp_path / "base", architecture)
    monkeypatch.setattr("bench.train.loop.trainer.can_fuse", lambda _: False)  # its layers would not ask

    def losses(in_cpp: bool) -> Tensor:
        if not in_cpp:
            monkeypatch.setattr("bench.train.loop.trainer.computes_as_torch", lambda: False)
        meter = Meter()
        trainer, _ = make_trainer(
            base, tmp_path / str(in_cpp), rows=make_rows(40), recipe=make_recipe(packing=packing, learning_rate=1e-3),
            budget={"unit": "steps", "amount": 20}, meter=meter,
        )  # fmt: skip
        trainer.train()
        assert (trainer.sdpa is not None and trainer.sdpa.used) is in_cpp
        return torch.tensor([step.loss for step in meter.steps])

    assert (losses(True) - losses(False)).abs().max() <= 5e-6


def test_a_result_that_is_not_torchs_is_found_by_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    assert computes_as_torch()
    computed = __import__(SDPA, fromlist=["attention"]).attention
    monkeypatch.setattr(f"{SDPA}.attention", lambda *given, **named: 1.001 * computed(*given, **named))
    assert not computes_as_torch()


def test_without_a_library_it_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{SDPA}.native_library", lambda: None)
    assert not computes_as_torch()


def test_heads_are_lowered_as_autocast_lowers_them_for_torch() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out, in_cpp = called(heads())
    assert in_cpp
    assert out.dtype == torch.bfloat16
    assert (out.float() - called(heads())[0]).abs().max() <= 0.02


def test_what_asks_more_is_torchs() -> None:
    given, causal = heads(), torch.ones(1, 1, 9, 9, dtype=torch.bool).tril()
    others = causal.clone()
    others[0, 0, 4, 6] = True
    assert called(given)[1]
    assert called(given, causal, output_attentions=False)[1]
    assert called(given, causal, causal=False)[1], "the mask says what is seen"
    assert not called(given, others)[1]
    assert not called(given, torch.zeros(1, 1, 9, 9))[1], "added to the scores"
    assert not called(given, causal=False)[1]
    assert not called(given, is_causal=False)[1]
    assert not called(given, dropout=0.1)[1]
    assert not called(given, position_bias=torch.zeros(1, 4, 9, 9))[1]
    assert not called([part.detach() for part in given])[1], "nothing is trained"
    assert not called([part.double() for part in given])[1]
    assert not called([given[0], *heads(12)[1:]])[1], "keys of a cache"


def test_rows_that_torch_is_faster_on_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(heads(2048))[1]
    assert not called(heads(2049))[1]
    monkeypatch.setattr("torch.get_num_threads", lambda: 5)
    assert called(heads(128))[1]
    assert not called(heads(129))[1], "its threads outnumber the heads of keys"
    assert called([part.repeat(2, 1, 1, 1) for part in heads(129)])[1]


def test_nothing_is_left_behind() -> None:
    before, sdpa = ALL_ATTENTION_FUNCTIONS["sdpa"], SdpaInCpp()
    with sdpa.open():
        assert ALL_ATTENTION_FUNCTIONS["sdpa"] is sdpa
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is before


def test_rows_that_are_packed_under_a_window_see_what_torch_has_them_see() -> None:
    config = MistralConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=5,
    )  # fmt: skip
    model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    ids, positions = torch.arange(17).unsqueeze(0), torch.tensor([[*range(6), *range(11)]])

    def gradient(how: Any) -> Tensor:
        with how:
            logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        (of_embeddings,) = torch.autograd.grad(logits.square().sum(), [model.get_input_embeddings().weight])
        return of_embeddings

    sdpa = SdpaInCpp()
    torch.testing.assert_close(gradient(sdpa.open()), gradient(nullcontext()), rtol=1e-4, atol=1e-5)
    assert sdpa.used
