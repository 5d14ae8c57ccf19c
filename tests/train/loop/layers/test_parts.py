"""Parts of a layer in C++ against what transformers writes in torch: outputs and gradients, of every shape."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from bench.train.loop.layers.parts import log_probability, rms_norm, rotated, swiglu
from tests.compiler import needs_compiler

pytestmark = needs_compiler

Computed = Callable[..., Tensor]
WIDTHS = (1, 15, 16, 37, 96)
"""Below, at and beside whole vectors of 8 and 16 numbers."""


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Numbers that want a gradient."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def assert_same(ours: Computed, plain: Computed, inputs: Sequence[Tensor]) -> None:
    """Equal outputs and gradients of all inputs."""
    outs = ours(*inputs), plain(*inputs)
    above = drawn(*outs[1].shape, seed=9).detach()
    gradients = [torch.autograd.grad(out, inputs, above) for out in outs]
    for one, other in zip((outs[0], *gradients[0]), (outs[1], *gradients[1]), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("width", WIDTHS)
def test_norm(width: int) -> None:
    norm = LlamaRMSNorm(width, eps=1e-3)

    def plain(hidden: Tensor, weight: Tensor) -> Tensor:
        done: Tensor = torch.func.functional_call(norm, {"weight": weight}, hidden)
        return done

    assert_same(lambda hidden, weight: rms_norm(hidden, weight, 1e-3), plain, [drawn(3, 7, width), drawn(width)])


@pytest.mark.parametrize("rows", [1, 3], ids=["the same positions for all rows", "positions of each row"])
@pytest.mark.parametrize("size", [2, 32, 42])
def test_rotation(rows: int, size: int) -> None:
    cosines, sines = drawn(rows, 5, size, seed=1).detach(), drawn(rows, 5, size, seed=2).detach()
    heads = drawn(3, 5, 4, size)

    def plain(heads: Tensor) -> Tensor:
        turned: Tensor = apply_rotary_pos_emb(heads, heads, cosines, sines, unsqueeze_dim=2)[0]
        return turned

    assert_same(lambda heads: rotated(heads, cosines, sines), plain, [heads])


@pytest.mark.parametrize("width", WIDTHS)
def test_swiglu(width: int) -> None:
    gate, up = 40 * drawn(3, width), drawn(3, width, seed=1)  # wide enough that exponentials end
    assert_same(swiglu, lambda gate, up: functional.silu(gate) * up, [gate, up])


@pytest.mark.parametrize("vocabulary", WIDTHS)
def test_log_probability(vocabulary: int) -> None:
    targets = torch.arange(6) % vocabulary
    logits = 30 * drawn(6, vocabulary)
    assert_same(
        lambda logits: log_probability(logits, targets),
        lambda logits: -functional.cross_entropy(logits, targets, reduction="none"),
        [logits],
    )


@pytest.mark.parametrize("at", [0, 20, 36])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_logit_that_is_no_number_is_seen(wrong: float, at: int) -> None:
    logits = torch.zeros(1, 37)
    logits[0, at] = wrong
    assert log_probability(logits, torch.tensor([1])).isnan().all(), "a diverged training ends by its loss"


def test_numbers_are_the_same_with_any_number_of_threads() -> None:
    hidden, weight, above = drawn(64, 800), drawn(800), drawn(64, 800, seed=2).detach()

    def taken(threads: int) -> tuple[Tensor, ...]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            out = swiglu(rms_norm(hidden, weight, 1e-6), hidden)
            return (out, *torch.autograd.grad(out, [hidden, weight], above))
        finally:
            torch.set_num_threads(before)

    assert all(map(torch.equal, taken(1), taken(3)))
