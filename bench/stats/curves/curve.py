"""Confidence curves: one object from which an interval and the p-value of any threshold both come.

Contract: `cdf(t)` is the one-sided p-value against "the true value is at most t" (so it grows from 0 to 1 with t), and
`quantile` is its inverse. An interval at level L is `quantile((1 - L) / 2)`, `quantile((1 + L) / 2)`; therefore a
threshold is outside the interval exactly where its p-value says so. Reference: Xie & Singh 2013, "Confidence
distribution, the frequentist distribution estimator of a parameter".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.arrays import FloatArray, floats
from bench.stats.curves.binary import tango_statistic, wilson_bound
from bench.stats.curves.distributions import normal_cdf, student_cdf, student_density, student_quantile

_HALVINGS = 45
_PARTS, _ROUNDS = 64, 8
_INNER = np.arange(1, _PARTS)
GRID = 200  # quantiles of the example noise that are convolved with the seed noise


class Curve(Protocol):
    def cdf(self, value: float) -> float: ...

    def quantile(self, probability: ArrayLike) -> FloatArray: ...


def interval(curve: Curve, level: float) -> tuple[float, float]:
    tail = (1.0 - level) / 2.0
    low, high = curve.quantile(np.array([tail, 1.0 - tail]))
    return float(low), float(high)


def two_sided_p(curve: Curve, value: float) -> float:
    below = curve.cdf(value)
    return min(1.0, 2.0 * min(below, 1.0 - below))


def _at_end(value: float, support: tuple[float, float]) -> float | None:
    """0 or 1 at and beyond the ends of the possible values; `None` between them."""
    return None if support[0] < value < support[1] else float(value >= support[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentCurve:
    """Centre and standard error with Student's t, cut at the ends of the possible values."""

    centre: float
    standard_error: float
    degrees: float
    support: tuple[float, float] = (-np.inf, np.inf)

    def cdf(self, value: float) -> float:
        end = _at_end(value, self.support)
        return end if end is not None else float(student_cdf((value - self.centre) / self.standard_error, self.degrees))

    def quantile(self, probability: ArrayLike) -> FloatArray:
        value = self.centre + self.standard_error * student_quantile(probability, self.degrees)
        return np.clip(value, *self.support)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawsCurve:
    """The empirical curve of bootstrap draws. values: [replicates], sorted."""

    values: FloatArray

    def cdf(self, value: float) -> float:
        """Never 0 or 1: B replicates cannot show a p-value below 1 / (B + 1)."""
        size = self.values.size
        inside = float(np.interp(value, self.values, np.linspace(0.0, 1.0, size)))
        return float(np.clip(inside, 1.0 / (size + 1), size / (size + 1)))

    def quantile(self, probability: ArrayLike) -> FloatArray:
        return np.asarray(np.interp(floats(probability), np.linspace(0.0, 1.0, self.values.size), self.values))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WiderCurve:
    """On each side of the estimate the wider of two curves."""

    first: Curve
    second: Curve

    def cdf(self, value: float) -> float:
        first, other = self.first.cdf(value), self.second.cdf(value)
        if max(first, other) < 0.5:
            return max(first, other)
        return min(first, other) if min(first, other) > 0.5 else 0.5

    def quantile(self, probability: ArrayLike) -> FloatArray:
        first, other = self.first.quantile(probability), self.second.quantile(probability)
        below = np.asarray(probability) < 0.5
        wider = np.where(below, np.minimum(first, other), np.maximum(first, other))
        return np.where(np.asarray(probability) == 0.5, 0.5 * (first + other), wider)


@dataclass(frozen=True, slots=True, kw_only=True)
class TiedCurve:
    """What is known when all units agree: how often could another value occur and not have been seen yet?

    If a share p of all units differs, `units` of them agree by chance with probability (1 - p) ** units. The differing
    ones can pull the mean down by at most `below` and up by at most `above`. The "rule of three" is this bound.
    """

    estimate: float
    units: int
    below: float
    above: float

    def cdf(self, value: float) -> float:
        away = value - self.estimate
        reach = self.above if away > 0 else self.below
        if away == 0:
            return 0.5
        unseen = 0.0 if abs(away) >= reach else (1.0 - abs(away) / reach) ** self.units
        return 1.0 - min(0.5, unseen) if away > 0 else min(0.5, unseen)

    def quantile(self, probability: ArrayLike) -> FloatArray:
        chance = floats(probability)
        share = 1.0 - np.minimum(chance, 1.0 - chance) ** (1.0 / self.units)
        away = np.where(chance > 0.5, self.above, -self.below) * share
        return self.estimate + np.where(chance == 0.5, 0.0, away)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedCurve:
    """Example noise convolved with Student noise of the few training seeds (Behrens-Fisher).

    values: [GRID] quantiles of the example noise's curve at the midpoints of an even grid.
    """

    values: FloatArray
    seed_error: float
    seed_degrees: float
    support: tuple[float, float] = (-np.inf, np.inf)

    def cdf(self, value: float) -> float:
        end = _at_end(value, self.support)
        return (
            end
            if end is not None
            else float(np.mean(student_cdf((value - self.values) / self.seed_error, self.seed_degrees)))
        )

    def quantile(self, probability: ArrayLike) -> FloatArray:
        """By Newton's method inside a shrinking bracket: the curve is smooth and grows."""
        chance = floats(probability)
        reach = self.seed_error * np.abs(student_quantile(chance, self.seed_degrees))
        low, high = self.values[0] - reach, self.values[-1] + reach
        value = self.values.mean() + np.sign(chance - 0.5) * np.hypot(self.values.std(), reach)
        for _ in range(_HALVINGS):
            pivots = (value[..., None] - self.values) / self.seed_error
            error = floats(student_cdf(pivots, self.seed_degrees).mean(axis=-1)) - chance
            low, high = np.where(error < 0, value, low), np.where(error < 0, high, value)
            slope = floats(student_density(pivots, self.seed_degrees).mean(axis=-1)) / self.seed_error
            newton = value - error / np.maximum(slope, np.finfo(np.float64).tiny)
            following = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
            if np.all(np.abs(following - value) <= 1e-9 * self.seed_error):
                break
            value = following
        return floats(np.clip(value, *self.support))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedCurve:
    """The curve of value - origin, or, mirrored, of origin - value: a difference from what is known exactly."""

    curve: Curve
    origin: float
    mirrored: bool = False

    def cdf(self, value: float) -> float:
        return 1.0 - self.curve.cdf(self.origin - value) if self.mirrored else self.curve.cdf(self.origin + value)

    def quantile(self, probability: ArrayLike) -> FloatArray:
        if self.mirrored:
            return self.origin - self.curve.quantile(1.0 - floats(probability))
        return self.curve.quantile(probability) - self.origin


@dataclass(frozen=True, slots=True, kw_only=True)
class TangoCurve:
    """Tango's score test of a difference of paired proportions; see `bench.stats.curves.binary`."""

    gained: int
    lost: int
    pairs: int

    def cdf(self, value: float) -> float:
        return float(normal_cdf(-tango_statistic(self.gained, self.lost, self.pairs, value)))

    def quantile(self, probability: ArrayLike) -> FloatArray:
        """By narrowing a bracket: the statistic falls with the difference that is tested."""
        chance = floats(probability)

        def cdf(value: FloatArray) -> FloatArray:
            return normal_cdf(-tango_statistic(self.gained, self.lost, self.pairs, value))

        ends = np.full(chance.shape, -1.0), np.full(chance.shape, 1.0)
        inside = _narrowed(cdf, chance, *ends)
        return np.where(cdf(ends[0]) > chance, -1.0, np.where(cdf(ends[1]) < chance, 1.0, inside))


@dataclass(frozen=True, slots=True, kw_only=True)
class WilsonCurve:
    """Wilson's score test of one proportion."""

    successes: int
    trials: int

    def cdf(self, value: float) -> float:
        if value <= 0.0 or value >= 1.0:
            return 0.0 if value <= 0.0 else 1.0
        spread = np.sqrt(value * (1.0 - value) / self.trials)
        return float(normal_cdf((value - self.successes / self.trials) / spread))

    def quantile(self, probability: ArrayLike) -> FloatArray:
        return wilson_bound(self.successes, self.trials, probability)


def _narrowed(
    cdf: Callable[[FloatArray], FloatArray], chance: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Where a growing `cdf` reaches `chance`, elementwise, to 2**-48 of the bracket. Many points in few rounds: a call
    with a hundred points takes as long as a call with two."""
    for _ in range(_ROUNDS):
        part = (high - low) / _PARTS
        points = low[..., None] + part[..., None] * _INNER
        passed = (cdf(points) < chance[..., None]).sum(axis=-1)
        low, high = low + passed * part, low + (passed + 1) * part
    return 0.5 * (low + high)
