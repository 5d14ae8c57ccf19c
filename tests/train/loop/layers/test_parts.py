"""Parts of a layer in C++ against what transformers writes in torch: outputs and gradients, of every shape and type."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from bench.train.loop.layers.parts import (
    added,
    log_probability,
    normalised,
    normalised_back,
    rms_norm,
    rotate_,
    swiglu,
    swiglu_back,
)
from tests.compiler import needs_compiler

pytestmark = needs_compiler

WIDTHS = (1, 15, 16, 37, 96)
"""Below, at and beside whole vectors of 8 and 16 numbers."""
TYPES = [(torch.float32, torch.float32), (torch.float32, torch.bfloat16), (torch.bfloat16, torch.bfloat16)]
"""Of the stream, and of what products take."""
NEAR: dict[torch.dtype, dict[str, float]] = {
    torch.float32: {"rtol": 2e-5, "atol": 2e-6}, torch.bfloat16: {"rtol": 2**-8, "atol": 1e-5},
}  # fmt: skip
"""Rounded once, a number of bf16 is apart by at most 2^-8 of its own."""


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers that want a gradient."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype).requires_grad_()


def reference(plain: Callable[..., Tensor], inputs: Sequence[Tensor], above: Tensor) -> tuple[Tensor, ...]:
    """Output and gradients in fp32, of inputs of any type."""
    wide = [given.detach().float().requires_grad_() for given in inputs]
    out = plain(*wide)
    return out, *torch.autograd.grad(out, wide, above.float())


def assert_near(ours: Sequence[Tensor | None], plain: Sequence[Tensor]) -> None:
    """Equal within the rounding of our types."""
    for one, other in zip(ours, plain, strict=True):
        assert one is not None
        torch.testing.assert_close(one.float(), other, **NEAR[one.dtype])


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_norm(width: int, types: tuple[torch.dtype, torch.dtype]) -> None:
    stream, number = types
    norm = LlamaRMSNorm(width, eps=1e-3)
    hidden, weight, above = drawn(3, 7, width, dtype=stream), drawn(width), drawn(3, 7, width, seed=9, dtype=number)
    out, inverse = normalised(hidden, weight, 1e-3, number)

    def plain(hidden: Tensor, weight: Tensor) -> Tensor:
        done: Tensor = torch.func.functional_call(norm, {"weight": weight}, hidden)
        return done

    ours = (out, *normalised_back(above, hidden, weight, inverse))
    assert_near(ours, reference(plain, [hidden, weight], above))
    assert (out.dtype, ours[1].dtype) == (number, stream), ours


def test_a_gradient_beside_a_norm_is_added() -> None:
    hidden, weight, above, beside = (
        drawn(*shape, seed=at) for at, shape in enumerate(((4, 37), (37,), (4, 37), (4, 37)))
    )
    _, inverse = normalised(hidden, weight, 1e-6, torch.float32)
    alone, _ = normalised_back(above, hidden, weight, inverse)
    torch.testing.assert_close(normalised_back(above, hidden, weight, inverse, beside=beside)[0], alone + beside)


def test_a_frozen_norm_has_no_gradient() -> None:
    hidden, weight = drawn(4, 37), drawn(37).detach()
    _, inverse = normalised(hidden, weight, 1e-6, torch.float32)
    assert normalised_back(hidden, hidden, weight, inverse)[1] is None


@pytest.mark.parametrize("types", TYPES)
def test_a_row_too_large_for_its_squares_has_no_gradient_that_looks_sound(
    types: tuple[torch.dtype, torch.dtype],
) -> None:
    """Its norm is zero, as in transformers' layer; with gradients of zero a training that blew up would seem to end
    well."""
    stream, number = types
    hidden, weight = drawn(2, 37, dtype=stream).detach(), drawn(37)
    hidden[1] *= 1e25
    out, inverse = normalised(hidden, weight, 1e-6, number)
    of_hidden, of_weight = normalised_back(torch.ones_like(out), hidden, weight, inverse)
    assert out.any(dim=-1).tolist() == [True, False], out
    assert [bool(row.isfinite().all()) for row in of_hidden] == [True, False], of_hidden
    assert of_hidden[1].isnan().all()
    assert of_weight is not None
    assert of_weight.isnan().all(), of_weight


def test_autograd_knows_a_norm() -> None:
    hidden, weight, above = drawn(3, 7, 37), drawn(37), drawn(3, 7, 37, seed=9).detach()
    out = rms_norm(hidden, weight, 1e-3)
    expected, inverse = normalised(hidden, weight, 1e-3, torch.float32)
    gradients = normalised_back(above, hidden, weight, inverse)
    assert all(map(torch.equal, (out, *torch.autograd.grad(out, [hidden, weight], above)), (expected, *gradients)))


@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("rows", [1, 3], ids=["the same positions for all rows", "positions of each row"])
@pytest.mark.parametrize("size", [2, 32, 42])
def test_rotation(rows: int, size: int, dtype: torch.dtype) -> None:
    angles = drawn(rows, 5, size, seed=1).detach(), drawn(rows, 5, size, seed=2).detach()
    heads, above = (drawn(3, 5, 4, size, seed=seed, dtype=dtype).detach() for seed in (3, 4))

    def plain(heads: Tensor) -> Tensor:
        turned: Tensor = apply_rotary_pos_emb(heads, heads, *angles, unsqueeze_dim=2)[0]
        return turned

    expected = reference(plain, [heads], above)
    assert_near((rotate_(heads, *angles), rotate_(above, *angles, back=True)), expected)


@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("width", WIDTHS)
def test_swiglu(width: int, dtype: torch.dtype) -> None:
    gate = (40 * drawn(3, width)).to(dtype)  # wide enough that exponentials end
    up, above = drawn(3, width, seed=1, dtype=dtype), drawn(3, width, seed=2, dtype=dtype)
    ours = (swiglu(gate, up), *swiglu_back(above, gate, up))
    assert_near(ours, reference(lambda gate, up: functional.silu(gate) * up, [gate, up], above))


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_sum(width: int, types: tuple[torch.dtype, torch.dtype]) -> None:
    stream, more = drawn(3, width, dtype=types[0]), drawn(3, width, seed=1, dtype=types[1])
    out = added(stream, more)
    assert out.dtype == types[0]
    assert_near([out], [stream.float() + more.float()])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_stays_none_in_bf16(wrong: float) -> None:
    stream = torch.full((1, 37), wrong)
    out = added(stream.bfloat16(), torch.zeros(1, 37, dtype=torch.bfloat16)).float()
    torch.testing.assert_close(out, stream, equal_nan=True)


@pytest.mark.parametrize("vocabulary", WIDTHS)
def test_log_probability(vocabulary: int) -> None:
    targets, above = torch.arange(6) % vocabulary, drawn(6, seed=9).detach()
    logits = (30 * drawn(6, vocabulary)).detach().requires_grad_()
    out = log_probability(logits, targets)
    ours = (out, *torch.autograd.grad(out, [logits], above))
    assert_near(
        ours, reference(lambda logits: -functional.cross_entropy(logits, targets, reduction="none"), [logits], above)
    )


@pytest.mark.parametrize("at", [0, 20, 36])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_is_seen(wrong: float, at: int) -> None:
    logits = torch.zeros(1, 37)
    logits[0, at] = wrong
    assert log_probability(logits, torch.tensor([1])).isnan().all(), "a diverged training ends by its loss"


@pytest.mark.parametrize("types", TYPES)
def test_numbers_are_the_same_with_any_number_of_threads(types: tuple[torch.dtype, torch.dtype]) -> None:
    stream, number = types
    hidden, weight, above = drawn(64, 800, dtype=stream), drawn(800), drawn(64, 800, seed=2, dtype=number)

    def taken(threads: int) -> tuple[Any, ...]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            out, inverse = normalised(hidden, weight, 1e-6, number)
            back = normalised_back(above, hidden, weight, inverse, beside=hidden)
            return out, *back, swiglu(out, above), *swiglu_back(above, out, out), added(hidden, out)
        finally:
            torch.set_num_threads(before)

    assert all(map(torch.equal, taken(1), taken(3)))
