"""Shapes that are found once are those that torch finds; what shares memory with its arguments is never replaced."""

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.model.size.meta_results import result_of

aten = torch.ops.aten


def meta(*size: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(size, dtype=dtype, device="meta")


OPERATIONS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "another shape": (aten.mul.Tensor, (meta(2, 3), meta(5, 2, 3)), {}),
    "strides": (aten.mul.Tensor, (meta(3, 2).T, meta(3, 2).T), {}),
    "a list": (aten.cat.default, ([meta(2, 3), meta(4, 3)],), {}),
    "several results": (aten.native_layer_norm.default, (meta(2, 3), [3], meta(3), meta(3), 1e-5), {}),
    "a named argument": (aten._to_copy.default, (meta(2, 3),), {"dtype": torch.bfloat16}),
    "a whole number": (aten.mul.Tensor, (meta(2, dtype=torch.int64), 2), {}),
    "the same number as a float": (aten.mul.Tensor, (meta(2, dtype=torch.int64), 2.0), {}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_are_those_of_torch_at_first_and_again(name: str) -> None:
    operation, args, kwargs = OPERATIONS[name]
    expected = operation(*args, **kwargs)
    for found in (result_of(operation, args, kwargs), result_of(operation, args, kwargs)):
        pairs = [(found, expected)] if isinstance(expected, Tensor) else list(zip(found, expected, strict=True))
        for one, other in pairs:
            assert (one.shape, one.stride(), one.dtype) == (other.shape, other.stride(), other.dtype)
            assert one.is_meta


def test_views_and_changes_in_place_are_of_their_argument() -> None:
    tensor = meta(2, 3)
    assert result_of(aten.view.default, (tensor, [6]), {})._base is tensor
    assert result_of(aten.add_.Tensor, (tensor, tensor), {}) is tensor


def test_values_are_computed_each_time() -> None:
    for value in (1.0, 2.0):
        tensor = torch.full((2,), value)
        assert result_of(aten.mul.Tensor, (tensor, 3.0), {}).tolist() == [3 * value] * 2
