"""Holm's adjustment of a family of p-values."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values in the order given; a planned test without a p-value stays `None` and counts as one that found
    nothing, so that losing it makes no other test surer.

    Holm 1979, "A simple sequentially rejective multiple test procedure": controls the family-wise error rate under any
    dependence.
    """
    tested = [(p, index) for index, p in enumerate(p_values) if p is not None]
    raw, order = np.array([p for p, _ in tested]), np.argsort([p for p, _ in tested], kind="stable")
    steps = raw[order] * np.arange(len(p_values), len(p_values) - raw.size, -1)
    adjusted: list[float | None] = [None] * len(p_values)
    for position, value in zip(order, np.minimum(1.0, np.maximum.accumulate(steps)), strict=True):
        adjusted[tested[int(position)][1]] = float(value)
    return tuple(adjusted)
