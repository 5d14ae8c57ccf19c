"""Several looks at growing data: what a p-value is worth after them.

Contract: pure. The test statistics of successive looks behave as a Brownian motion that is read at the information
fractions (Jennison & Turnbull 2000, "Group Sequential Methods", ch. 3); Student's p-values take the place of normal
ones by the significance-level approach (ch. 4.4). A spending function says how much of the error may be used up by
each fraction (Lan & DeMets 1983). The *sequential p-value* is the smallest error level at which the latest look decides
(after Liu & Anderson 2008, who take the smallest of all looks): it is valid at whatever look the run stops, and Holm's
adjustment applies to it (Ye et al. 2013).
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np

from bench.stats.arrays import FloatArray, floats
from bench.stats.curves.distributions import normal_cdf, normal_quantile

Spending: TypeAlias = Literal["obrien_fleming", "pocock"]
"""obrien_fleming: hardly anything at first, nearly all at the end. pocock: about the same level at each look."""
_POINTS = 201  # of the grid on which the density between the bounds is carried from look to look
_HALVINGS = 50
_TINY = 1e-300
_LEVELS = np.exp(np.linspace(np.log(1e-6), np.log(0.9999), 41))


def spent(fraction: float, alpha: float, spending: Spending) -> float:
    """Error that may be used up to an information fraction in (0, 1], two-sided."""
    share = min(1.0, fraction)
    if spending == "pocock":
        return float(alpha * np.log1p((np.e - 1.0) * share))
    return float(4.0 * normal_cdf(normal_quantile(alpha / 4.0) / share**0.5))


@cache
def nominal_levels(fractions: tuple[float, ...], alpha: float, spending: Spending) -> tuple[float, ...]:
    """Two-sided level of each look, so that all looks together decide wrongly with the error that is spent by then.

    fractions: rising, in (0, 1]. Armitage, McPherson & Rowe 1969: the density of the paths that have not crossed a
    bound is integrated from look to look.
    """
    _check(fractions)
    levels: list[float] = []
    grid, density, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for fraction in fractions:
        step = (fraction - before) ** 0.5
        due = max(0.0, spent(fraction, alpha, spending) - used)
        bound = _bound(grid, density, step, due)
        levels.append(float(2.0 * normal_cdf(-bound / fraction**0.5)))
        if len(levels) < len(fractions):  # another look follows
            grid, density = _carried(grid, density, step, bound)
        before, used = fraction, used + due
    return tuple(levels)


def sequential_p(p_value: float, fractions: Sequence[float], spending: Spending, *, place: int = -1) -> float:
    """The smallest error level at which one look decides, at most 1; never below its p-value.

    p_value: two-sided, of the look at `place`, by default the latest. fractions: of all looks, as in `nominal_levels`.
    """
    rising = _levels_at(tuple(fractions), spending, place)
    if p_value >= np.exp(rising[-1]):
        return 1.0
    error = float(np.exp(np.interp(np.log(max(p_value, _TINY)), rising, np.log(_LEVELS))))
    return max(error, p_value)


@cache
def _levels_at(fractions: tuple[float, ...], spending: Spending, place: int) -> FloatArray:
    """Logarithms of the level of the look at `place`, for each error level of the grid."""
    levels = [nominal_levels(fractions, float(alpha), spending)[place] for alpha in _LEVELS]
    return np.maximum.accumulate(np.log(np.maximum(floats(levels), _TINY)))


def _check(fractions: Sequence[float]) -> None:
    rising = all(first < second for first, second in pairwise(fractions))
    if not fractions or not rising or fractions[0] <= 0.0 or fractions[-1] > 1.0 + 1e-9:
        raise ValueError("information fractions must rise from above 0 to 1 at most")


def _bound(grid: FloatArray, density: FloatArray, step: float, due: float) -> float:
    """The bound that paths cross at this look with probability `due`, by bisection."""

    def crossing(bound: float) -> float:
        beyond = normal_cdf((-bound - grid) / step) + normal_cdf((grid - bound) / step)
        return float((density * beyond).sum())

    low, high = 0.0, 40.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if crossing(middle) > due else (low, middle)
    return high


def _carried(grid: FloatArray, density: FloatArray, step: float, bound: float) -> tuple[FloatArray, FloatArray]:
    """Grid between the bounds of a look, and the density on it of the paths that have not crossed one."""
    points = np.linspace(-bound, bound, _POINTS)
    kernel = np.exp(-0.5 * ((points[:, None] - grid) / step) ** 2) / (step * (2.0 * np.pi) ** 0.5)
    return points, (kernel @ density) * _simpson(points)


def _simpson(points: FloatArray) -> FloatArray:
    """Weights of Simpson's rule on an even grid of an odd number of points."""
    width = (points[-1] - points[0]) / (points.size - 1)
    weights = np.full(points.size, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return floats(weights * width / 3.0)
