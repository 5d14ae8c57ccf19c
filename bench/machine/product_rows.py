"""Rows from which the matrix products of a device are about as fast as they get."""

import torch

from bench.machine.peak_flops import seconds_of_product

_WIDTH = 4096
_ROWS = (4096, 8192, 16384, 32768, 65536)
_NEAR = 0.95
"""Share of the highest rate that is as good."""
_REPEATS = 5


def rows_at_peak(device: torch.device, dtype: torch.dtype) -> int:
    """Fewest rows, a power of two from 4,096 on, whose product with a square matrix reaches 95% of the highest rate of
    all that were tried and fit; each at its fastest of a few."""
    weight = torch.zeros(_WIDTH, _WIDTH, device=device, dtype=dtype)
    rates: dict[int, float] = {}
    for rows in _ROWS:
        try:
            inputs = torch.zeros(rows, _WIDTH, device=device, dtype=dtype)
            seconds = min(seconds_of_product(inputs, weight) for _ in range(_REPEATS))
        except torch.OutOfMemoryError:
            break
        rates[rows] = rows / seconds
    return fewest_near_peak(rates) if rates else _ROWS[0]


def fewest_near_peak(rates: dict[int, float]) -> int:
    """The fewest rows whose rate is near the highest."""
    return min(rows for rows, rate in rates.items() if rate >= _NEAR * max(rates.values()))
