"""A drift is between two models, never between two ways to compute."""

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from bench.model.drift import drift
from bench.model.loading.packed_linear import pack_linears
from bench.model.native_trial import native
from tests.compiler import needs_compiler
from tests.fakes.decoders import decoder

ROWS = [[*range(3, 43), 7], [*range(3, 43), 9, 11], [5, 6, 7]]


def moved() -> Any:
    model = decoder("llama")
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.2)
    return model


def packed(model: Any) -> Any:
    pack_linears(model)
    return model


@needs_compiler
def test_in_cpp_it_is_that_of_the_plain_layers() -> None:
    plain, in_cpp = drift(moved(), decoder("llama"), ROWS), drift(packed(moved()), packed(decoder("llama")), ROWS)
    assert in_cpp.kl == pytest.approx(plain.kl, abs=1e-4)
    assert (in_cpp.changed_top, in_cpp.positions) == (plain.changed_top, plain.positions)
    assert plain.kl > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_weights_have_none_at_all(dtype: torch.dtype) -> None:
    first, second = (packed(decoder("llama").to(dtype)) for _ in range(2))
    assert drift(first, second, ROWS).kl == drift(first, second, ROWS).changed_top == 0.0


def test_an_adapter_in_the_layers_that_changes_nothing_has_none_beside_a_base_that_could_be_computed_in_cpp() -> None:
    """bf16: by layers and in C++ the same weights give other logits."""
    base: Any = decoder("llama").to(torch.bfloat16)
    adapted: Any = get_peft_model(copy.deepcopy(base), LoraConfig(target_modules=["q_proj"])).base_model
    subject = packed(adapted.model.eval())
    assert native(subject) is None
    seen = drift(subject, packed(base), ROWS)
    assert (seen.kl, seen.changed_top) == (0.0, 0.0)
