"""One number that is not finite is seen wherever it is: what diverged must not be merged or stored as if it had not."""

import math

import pytest
import torch

from bench.model.finite import is_finite


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 501, 1000])
def test_one_number_is_seen(dtype: torch.dtype, number: float, place: int) -> None:
    values = torch.linspace(-2, 3, 1001, dtype=dtype)
    assert is_finite(values)
    values[place] = number
    assert not is_finite(values)
    assert not is_finite(values.view(7, 143).T)


def test_no_numbers_are_finite() -> None:
    assert is_finite(torch.empty(0, 4))
