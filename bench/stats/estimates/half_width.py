"""How wide an interval comes out in another run with the same noise, and how often it then excludes a threshold.

Contract: pure. The noise of seeds is estimated anew in each run, by few degrees of freedom: the interval is as wide as
that estimate and its degrees of freedom make it (Behrens-Fisher, as in `bench.stats.curves.curve.SeedCurve`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray, floats
from bench.stats.curves.distributions import (
    chi_square_quantile,
    normal_cdf,
    student_cdf,
    student_density,
    student_quantile,
)

_ESTIMATES = np.linspace(-2.7, 2.7, 7)  # normal scores at which the estimate of a side's variance is read
_SCORES = np.linspace(-4.5, 4.5, 37)  # and the examples' noise
_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedEstimates:
    """What runs may find: [n] standard errors of the seeds, each with its degrees of freedom and its chance."""

    errors: FloatArray
    degrees: FloatArray
    chances: FloatArray


def seed_estimates(seed_error: float, seed_degrees: float, seeds: float) -> SeedEstimates:
    """seed_error: the true one. seed_degrees: Satterthwaite's at the true noise of both sides, or those of all arms
    together, where more than both sides have. seeds: of each side.

    Two sides of `seeds` each give two estimates, and Satterthwaite's degrees that follow from them, which are fewer
    than at the true noise; all arms together, or one side alone, give one estimate with degrees that are known.
    """
    own = seeds - 1.0
    points, chances = normal_cdf(_ESTIMATES), _chances(_ESTIMATES)
    if own <= 0.0 or not own < seed_degrees <= 2.0 * own * (1.0 + 1e-9):
        factors = chi_square_quantile(points, seed_degrees) / seed_degrees
        return SeedEstimates(
            errors=seed_error * factors**0.5, degrees=np.full(points.size, seed_degrees), chances=chances
        )
    larger = 0.5 * (1.0 + max(0.0, 2.0 * own / seed_degrees - 1.0) ** 0.5)  # solves own / (w² + (1 - w)²) = degrees
    factors = chi_square_quantile(points, own) / own
    first, second = (part.ravel() for part in np.meshgrid(larger * factors, (1.0 - larger) * factors))
    degrees = own * (first + second) ** 2 / (first**2 + second**2)
    return SeedEstimates(
        errors=seed_error * (first + second) ** 0.5, degrees=degrees, chances=np.outer(chances, chances).ravel()
    )


def _chances(scores: FloatArray) -> FloatArray:
    """Weights of even normal scores, which sum to 1."""
    density = np.exp(-0.5 * scores**2)
    return floats(density / density.sum())


def chance_to_exclude(
    example_error: float, example_degrees: float, estimates: SeedEstimates, *, standard_deviation: float, level: float
) -> Callable[[float], float]:
    """Probability that the two-sided interval at `level` excludes zero, by the true effect. standard_deviation: of the
    estimated effect."""
    widths = half_widths(example_error, example_degrees, estimates, level=level)

    def chance(effect: float) -> float:
        above = normal_cdf((effect - widths) / standard_deviation)
        below = normal_cdf((-effect - widths) / standard_deviation)
        return float((above + below) @ estimates.chances)

    return chance


def half_widths(example_error: float, example_degrees: float, estimates: SeedEstimates, *, level: float) -> FloatArray:
    """[n]: where the sum of both noises has all but half of `1 - level` below it, by Newton's method in a bracket."""
    tail = (1.0 + level) / 2.0
    noise = example_error * student_quantile(normal_cdf(_SCORES), example_degrees)
    weights = _chances(_SCORES)
    errors, degrees = estimates.errors[:, None], estimates.degrees[:, None]
    reach = estimates.errors * student_quantile(tail, estimates.degrees)
    low, high = noise[0] + reach, noise[-1] + reach
    value = np.hypot(example_error * float(student_quantile(tail, example_degrees)), reach)
    for _ in range(_STEPS):
        pivots = (value[:, None] - noise) / errors
        gap = student_cdf(pivots, degrees) @ weights - tail
        low, high = np.where(gap < 0, value, low), np.where(gap < 0, high, value)
        slope = (student_density(pivots, degrees) / errors) @ weights
        newton = value - gap / np.maximum(slope, np.finfo(np.float64).tiny)
        following = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        if np.all(np.abs(following - value) <= 1e-4 * value):
            break
        value = following
    return floats(value)
