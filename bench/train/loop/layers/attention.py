"""Attention of tokens to those before them in their rows, forward and backward, each in one call of C++.

Contract: tensors are fp32 or bf16 and on the processor, all of one type; `attendable` says so beforehand. Heads are
where products write them, [rows, length, heads, size], each token's numbers together and tokens at one distance; heads
of queries share those of keys in order. `begins` [rows, length] is the first token that each sees, at most the next
one, which is to see nothing, and never falls along a row; `None`: all see their row from its first token on.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.model.native.library import native_library
from bench.model.torch_private import has_numbers

_TYPES = (torch.float32, torch.bfloat16)


def attendable(*heads: Tensor) -> bool:
    """Whether the functions of this file take these tensors, and are compiled on this machine."""
    kinds = {(part.dtype, part.device.type) for part in heads}
    return len(kinds) == 1 and kinds <= {(kind, "cpu") for kind in _TYPES} and native_library() is not None


def attention(queries: Tensor, keys: Tensor, values: Tensor, *, scaling: float, begins: Tensor | None = None) -> Tensor:
    """What each query [rows, length, heads, size] takes of the values [rows, length, key heads, size] before it."""
    result: Tensor = _Attention.apply(queries, keys, values, scaling, begins)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def begins_of(mask: Tensor, rows: int) -> Tensor | None:
    """`begins` of tokens that see what a mask [rows or 1, 1, length, length] has as true; `None` of another mask."""
    length = mask.shape[-1]
    known = mask.dtype == torch.bool and mask.device.type == "cpu" and mask.shape[1:] == (1, length, length)
    if not known or mask.shape[0] not in {1, rows}:
        return None
    mask, begins = mask.contiguous(), torch.empty(mask.shape[0], length, dtype=torch.int64)
    shape = map(ctypes.c_int64, begins.shape)
    taken = not has_numbers(mask) or _library().attention_begins(_at(mask), *shape, _at(begins))
    return begins.expand(rows, length).contiguous() if taken else None


def attention_forward(
    queries: Tensor, keys: Tensor, values: Tensor, *, scaling: float, begins: Tensor | None
) -> tuple[Tensor, Tensor]:
    """`attention`, and what is kept for the way back: the logarithm [rows, heads, length] of each query's sum."""
    rows, length, heads, _ = queries.shape
    out = queries.new_empty(queries.shape)
    log_sums = queries.new_empty((rows, heads, length), dtype=torch.float32)
    if has_numbers(queries):
        shape, given = _attention(queries, keys, scaling, begins), _tensors(queries, keys, values)
        _call("attention_forward", shape, given, _heads(out), log_sums)
    return out, log_sums


def attention_backward(
    gradient: Tensor, queries: Tensor, keys: Tensor, values: Tensor, log_sums: Tensor, *, scaling: float,
    begins: Tensor | None, out: tuple[Tensor, Tensor, Tensor],
) -> None:  # fmt: skip
    """Writes the gradients of queries, keys and values to `out`, tensors of their shapes."""
    if has_numbers(queries):
        shape, given = _attention(queries, keys, scaling, begins), _tensors(queries, keys, values)
        _call("attention_backward", shape, _heads(gradient), given, log_sums, _tensors(*out))


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *operands: Any) -> Tensor:
        *heads, scaling, begins = operands
        queries, keys, values = map(_together, heads)
        out, log_sums = attention_forward(queries, keys, values, scaling=scaling, begins=begins)
        ctx.save_for_backward(queries, keys, values, log_sums)
        ctx.seen = {"scaling": scaling, "begins": begins}
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        queries, keys, values, log_sums = ctx.saved_tensors
        of_queries, of_keys, of_values = (part.new_empty(part.shape) for part in (queries, keys, values))
        out = of_queries, of_keys, of_values
        attention_backward(_together(gradient), queries, keys, values, log_sums, **ctx.seen, out=out)
        return *out, None, None


class _HeadsStruct(ctypes.Structure):
    """`Heads` of `trained_attention.cpp`."""

    _fields_ = (("numbers", ctypes.c_void_p), ("step", ctypes.c_int64))


class _TensorsStruct(ctypes.Structure):
    """`Tensors` of `trained_attention.cpp`."""

    _fields_ = tuple((name, _HeadsStruct) for name in ("queries", "keys", "values"))


class _AttentionStruct(ctypes.Structure):
    """`Attention` of `trained_attention.cpp`."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "length", "heads", "key_heads", "size", "halved")),
        ("begins", ctypes.c_void_p),
        ("scaling", ctypes.c_float),
    )


def _together(heads: Tensor) -> Tensor:
    """Copies heads that are not in the layout in which products write them."""
    rows, length, count, size = heads.shape
    tokens = heads.reshape(rows * length, count * size)
    return (tokens if tokens.stride(1) == 1 else tokens.contiguous()).view(heads.shape)


def _heads(heads: Tensor) -> _HeadsStruct:
    rows, length, count, size = heads.shape
    return _HeadsStruct(heads.data_ptr(), heads.view(rows * length, count * size).stride(0))


def _tensors(*heads: Tensor) -> _TensorsStruct:
    return _TensorsStruct(*map(_heads, heads))


def _attention(queries: Tensor, keys: Tensor, scaling: float, begins: Tensor | None) -> _AttentionStruct:
    rows, length, heads, size = queries.shape
    first = None if begins is None else begins.data_ptr()
    return _AttentionStruct(rows, length, heads, keys.shape[2], size, queries.dtype == torch.bfloat16, first, scaling)


def _call(name: str, *operands: ctypes.Structure | Tensor) -> None:
    """A function of `trained_attention.cpp`: the threads come last."""
    pointers = [_at(one) if isinstance(one, Tensor) else ctypes.byref(one) for one in operands]
    getattr(_library(), name)(*pointers, ctypes.c_int(torch.get_num_threads()))


def _at(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _library() -> ctypes.CDLL:
    library = native_library()
    assert library is not None, "asked for before"
    return library
