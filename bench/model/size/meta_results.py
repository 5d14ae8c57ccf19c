"""Results of operations on the meta device, each found once.

torch finds the shapes of most results there in Python, which takes about 100 µs an operation; layers that are alike,
and passes of other trainings of the same model, have theirs from the first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from bench.model.torch_private import makes_new


@dataclass(frozen=True, slots=True)
class _MetaTensor:
    """What there is to know of a tensor on the meta device."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


def result_of(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation of torch's dispatcher returns. Raises what it raises."""
    if not makes_new(operation):
        return operation(*args, **kwargs)
    tensors = list(_tensors((*args, *kwargs.values())))
    if not tensors or not all(tensor.is_meta for tensor in tensors):
        return operation(*args, **kwargs)
    described = {name: _described(value) for name, value in kwargs.items()}
    return _made(_known_result(operation, *map(_described, args), **described))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


@lru_cache(maxsize=10_000, typed=True)
def _known_result(operation: Any, *args: Any, **kwargs: Any) -> Any:
    made = {name: _made(value) for name, value in kwargs.items()}
    return _described(operation(*map(_made, args), **made))


def _described(value: Any) -> Any:
    """Tensors as `_MetaTensor`s, lists as tuples."""
    if isinstance(value, Tensor):
        return _MetaTensor(tuple(value.shape), value.stride(), value.dtype)
    return tuple(map(_described, value)) if isinstance(value, list | tuple) else value


def _made(value: Any) -> Any:
    if isinstance(value, _MetaTensor):
        return torch.empty_strided(value.size, value.stride, dtype=value.dtype, device="meta")
    return tuple(map(_made, value)) if isinstance(value, tuple) else value
