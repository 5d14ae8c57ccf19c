"""Attention in C++ against torch's, computed in fp64: outputs and gradients, of every shape."""

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from bench.train.loop.layers.attention import (
    attendable,
    attention,
    attention_backward,
    attention_forward,
    begins_of,
)
from tests.compiler import needs_compiler

pytestmark = needs_compiler

SCALING = 0.3


def drawn(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def heads(
    rows: int, length: int, *, queries: int, keys: int, size: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values."""
    counts = queries, keys, keys
    parts = (drawn(rows, length, count, size, seed=seed, dtype=dtype) for seed, count in enumerate(counts))
    queries_, keys_, values = (part.requires_grad_() for part in parts)
    return queries_, keys_, values


def seen(begins: Tensor) -> Tensor:
    """Which token sees which [rows, 1, length, length]."""
    tokens = torch.arange(begins.shape[1])
    return ((tokens >= begins[:, :, None]) & (tokens <= tokens[:, None]))[:, None]


def plain(*parts: Tensor, begins: Tensor) -> Tensor:
    """torch's, in fp64."""
    given = (part.double().transpose(1, 2) for part in parts)
    out = scaled_dot_product_attention(*given, attn_mask=seen(begins), scale=SCALING, enable_gqa=True)
    return out.transpose(1, 2)


def assert_same(parts: tuple[Tensor, ...], begins: Tensor | None = None, *, tolerance: float = 1e-5) -> None:
    """Output and gradients differ from exact ones by `tolerance` of their size, or of one, at most."""
    exact = [part.detach().double().requires_grad_() for part in parts]
    every = torch.zeros(parts[0].shape[:2], dtype=torch.int64)
    out, true = (
        attention(*parts, scaling=SCALING, begins=begins),
        plain(*exact, begins=every if begins is None else begins),
    )
    above = drawn(*out.shape, seed=9, dtype=out.dtype)
    ours, theirs = torch.autograd.grad(out, parts, above), torch.autograd.grad(true, exact, above.double())
    for one, other in zip((out, *ours), (true, *theirs), strict=True):
        assert (one.double() - other).abs().max() <= tolerance * max(1, other.abs().max())


@pytest.mark.parametrize("size", [8, 20, 64, 128])
@pytest.mark.parametrize("length", [1, 7, 26, 50])
@pytest.mark.parametrize("group", [1, 3, 8])
def test_outputs_and_gradients_of_every_shape(size: int, length: int, group: int) -> None:
    assert_same(heads(2, length, queries=2 * group, keys=2, size=size))


def test_in_bf16_they_are_rounded_once() -> None:
    assert_same(heads(2, 47, queries=6, keys=2, size=64, dtype=torch.bfloat16), tolerance=2**-8)


BEGINS = {
    "packed rows": [*[0] * 5, *[5] * 13, *[18] * 20, 38],
    "padding on the left": [*range(1, 11), *[10] * 29],
    "padding on the right": [*[0] * 20, *range(21, 40)],
    "padding alone": [*range(1, 40)],
    "a window": [max(0, at - 4) for at in range(39)],
}


@pytest.mark.parametrize("kind", BEGINS)
def test_a_token_sees_its_row_from_where_it_begins(kind: str) -> None:
    begins = torch.tensor([BEGINS[kind], [0] * 39])
    assert_same(heads(2, 39, queries=4, keys=2, size=24), begins)


@pytest.mark.parametrize("kind", BEGINS)
def test_what_a_mask_says_is_where_tokens_begin(kind: str) -> None:
    begins = torch.tensor([BEGINS[kind], [0] * 39])
    read = begins_of(seen(begins), 2), begins_of(seen(begins[:1]), 3)
    for one, other in zip(read, (begins, begins[:1].expand(3, 39)), strict=True):
        assert one is not None
        assert torch.equal(one, other)


def test_another_mask_is_none_of_these() -> None:
    causal = torch.ones(1, 1, 6, 6, dtype=torch.bool).tril()
    assert begins_of(causal, 1) is not None
    for row, column in [(2, 4), (4, 2), (5, 5)]:
        changed = causal.clone()
        changed[0, 0, row, column] ^= True
        assert begins_of(changed, 1) is None, "it sees what follows, not all before, or not itself"
    assert begins_of(seen(torch.tensor([[0, 1, 0]])), 1) is None, "more than the token before it"
    assert begins_of(causal.expand(1, 2, 6, 6), 1) is None, "by head"
    assert begins_of(causal.float(), 1) is None
    assert begins_of(causal[:, :, -1:], 1) is None, "of a token behind a cache"


def test_a_token_that_sees_nothing_takes_nothing() -> None:
    parts = heads(1, 3, queries=1, keys=1, size=8)
    out = attention(*parts, scaling=1.0, begins=torch.tensor([[1, 2, 2]]))
    gradients = torch.autograd.grad(out.sum(), parts)
    assert not out[0, :2].any()
    assert not any(gradient[0, :2].any() for gradient in gradients)


def test_heads_are_taken_from_where_one_product_wrote_them_all() -> None:
    written = drawn(2, 9, (4 + 2 + 2) * 16, seed=0).unflatten(2, (8, 16)).requires_grad_()
    apart = written.split((4, 2, 2), dim=2)
    together = tuple(part.contiguous() for part in apart)
    above = drawn(2, 9, 4, 16, seed=1)
    ours, plainly = (attention(*parts, scaling=SCALING) for parts in (apart, together))
    assert torch.equal(ours, plainly)
    assert torch.equal(*(torch.autograd.grad(out, written, above)[0] for out in (ours, plainly)))


@pytest.mark.parametrize("shape", [(2, 9, 4, 16), (1, 1, 1, 8), (1, 9, 1, 8)])
def test_heads_and_gradients_in_another_order_are_copied(shape: tuple[int, ...]) -> None:
    rows, length, count, size = shape
    parts = tuple(drawn(rows, count, size, length, seed=seed).permute(0, 3, 1, 2).requires_grad_() for seed in range(3))
    out = attention(*parts, scaling=SCALING)
    for one, other in zip(torch.autograd.grad(out.sum(), parts), _grad_of_ones(parts), strict=True):
        torch.testing.assert_close(one, other)


def _grad_of_ones(parts: tuple[Tensor, ...]) -> Iterable[Tensor]:
    begins = torch.zeros(parts[0].shape[:2], dtype=torch.int64)
    return torch.autograd.grad(plain(*parts, begins=begins).float().sum(), parts)


def test_large_scores_end_in_no_infinity() -> None:
    queries, keys, values = heads(1, 20, queries=2, keys=2, size=16)
    assert_same(((100 * queries).detach().requires_grad_(), keys, values), tolerance=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_no_number_is_seen(dtype: torch.dtype) -> None:
    queries, keys, values = heads(1, 20, queries=2, keys=2, size=16, dtype=dtype)
    with torch.no_grad():
        keys[0, 3, 0, 2] = float("nan")
    out = attention(queries, keys, values, scaling=SCALING)
    assert out[0, 3:, 0].isnan().all(), "a diverged training ends by its loss"
    assert not out[0, :3].isnan().any()


def test_what_a_batch_left_in_memory_is_not_seen_by_the_next() -> None:
    wrong = heads(1, 48, queries=2, keys=2, size=16)
    out = attention(*(part * float("nan") for part in wrong), scaling=SCALING)
    torch.autograd.grad(out.sum(), wrong)
    assert_same(heads(1, 17, queries=2, keys=2, size=16))


def test_numbers_are_the_same_with_any_number_of_threads() -> None:
    parts = heads(3, 130, queries=6, keys=2, size=32)
    above = drawn(3, 130, 6, 32, seed=7)

    def taken(threads: int) -> tuple[Tensor, ...]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            out = attention(*parts, scaling=SCALING)
            return (out, *torch.autograd.grad(out, parts, above))
        finally:
            torch.set_num_threads(before)

    assert all(map(torch.equal, taken(1), taken(3)))


def test_gradients_are_written_where_they_are_wanted() -> None:
    queries, keys, values = (part.detach() for part in heads(2, 9, queries=4, keys=2, size=16))
    above, together = drawn(2, 9, 4, 16, seed=7), torch.full((2, 9, 8, 16), 7.0)
    apart = tuple(torch.empty_like(part) for part in (queries, keys, values))
    _, log_sums = attention_forward(queries, keys, values, scaling=SCALING, begins=None)
    for out in (together.split((4, 2, 2), dim=2), apart):
        attention_backward(above, queries, keys, values, log_sums, scaling=SCALING, begins=None, out=tuple(out))
    assert torch.equal(together, torch.cat(apart, dim=2))


def test_what_is_not_taken() -> None:
    queries, keys, values = heads(1, 3, queries=1, keys=1, size=8)
    assert attendable(queries, keys, values)
    assert not attendable(queries, keys, values.bfloat16())
    assert not attendable(queries.double(), keys.double(), values.double())
    assert not attendable(*(part.to("meta") for part in (queries, keys, values)))
