"""The confidence curve of rates whose seed noise is on the logit scale.

Contract: as `bench.stats.curves.curve`; no bound leaves the scale, and the curve of reference - arm is its mirror.
A rate near 0 or 1 leaves its trainings no room on one side: on the logit scale the same noise is symmetric and as large
everywhere.

The difference is `rate(arm) - rate(reference)`. Example noise moves the two rates apart, each by its part of the
variance, with the skewness that rare answers have; then one Student variable moves their logits apart, each by its part
of the seed noise (the path of steepest descent of the first-order reliability method: Hasofer & Lind 1974). For small
noise the result is the Behrens-Fisher convolution of `bench.stats.curves.curve.SeedCurve`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.arrays import FloatArray, IntArray, floats
from bench.stats.curves.distributions import logistic, logit, normal_cdf, student_quantile

_REACH = 6.0  # standard deviations: what lies beyond has a probability of 2e-9
_SCORES = np.linspace(-_REACH, _REACH, 601)
NODES: FloatArray = normal_cdf(_SCORES)
"""Probabilities at which the example noise, and the seeds' noise, are read. Even in normal scores, for the tails."""


def lattice(points: int, step: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Pairs of normal scores, one of each source of noise, and their weights, which sum to 1, each
    [points].

    For neighbouring Fibonacci numbers they are as even as points in a square can be (Niederreiter 1992, "Random number
    generation and quasi-Monte Carlo methods", chapter 5).
    """
    first = 2.0 * _REACH * (np.arange(points) / points - 0.5)
    second = 2.0 * _REACH * (np.arange(points) * step % points / points - 0.5)
    weights = floats(np.exp(-0.5 * (first**2 + second**2)))
    return first, second, weights / weights.sum()


_FIRST, _SECOND, _WEIGHTS = lattice(28_657, 17_711)
_SYMMETRIC = 1e-4  # skewness below which the cube root is lost in rounding, and changes nothing
_EDGE = 1e-12  # rates nearer to 0 or 1 count as this far away, so that their logits are finite


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One side on the scale from 0 to 1. part: its part of the example noise. pull: by how much one unit of the Student
    variable moves its logit."""

    value: float
    part: float
    pull: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedCurve:
    """The curve of weighted values. values: sorted; below: [values], the weight of all smaller ones and half its own.
    support: lowest and highest possible value."""

    values: FloatArray
    below: FloatArray
    support: tuple[float, float]

    def cdf(self, value: float) -> float:
        if value <= self.support[0] or value >= self.support[1]:
            return float(value >= self.support[1])
        return float(np.interp(value, self.values, self.below))

    def quantile(self, probability: ArrayLike) -> FloatArray:
        return floats(np.interp(floats(probability), self.below, self.values))


def logit_seed_curve(
    examples: FloatArray, arm: Rate, reference: Rate | None, *, width: float, lowest: float, degrees: float
) -> WeightedCurve:
    """examples: [NODES] quantiles of the example noise's curve, on the scale from 0 to 1. reference: `None` for the
    curve of one rate. width: of the scale in units of the score; lowest: its lower end, for one rate. degrees: of the
    seeds' noise."""
    values = moved(np.interp(_FIRST, _SCORES, examples), _pivots(degrees), arm, reference)
    order = _order(values)
    weights = _WEIGHTS[order]
    bottom = lowest if reference is None else 0.0
    return WeightedCurve(
        values=values[order] * width + bottom,
        below=np.cumsum(weights) - 0.5 * weights,
        support=(bottom if reference is None else -width, bottom + width),
    )


def skewness(rates: Sequence[Rate], error: float) -> float:
    """Skewness of the example noise of a difference of two rates. error: its standard error, on the scale from 0 to 1.

    The variance of a rate p of right answers moves with it by (1 - 2p) / (p(1 - p)) of itself, which is the ratio of
    its third cumulant to the square of its second (Morris 1982, "Natural exponential families with quadratic variance
    functions")."""
    arm, reference = (rate.part**2 * (1.0 - 2.0 * rate.value) / (rate.value * (1.0 - rate.value)) for rate in rates)
    return error * (arm - reference)


def skewed(away: FloatArray, skewness: float, error: float) -> FloatArray:
    """Quantiles of a symmetric curve less its centre, with the longer tail towards where the noise grows. error: their
    standard error.

    Seven right answers of 200 may be few by chance, and then their own spread is too small. The curve becomes that of a
    Poisson rate with as many events as have this skewness (Fay & Feuer 1997, "Confidence intervals for directly
    standardized rates: a method based on the gamma distribution"), with half an event more for the mid-p curve (Cohen &
    Yang 1994, "Mid-p confidence intervals for the Poisson expectation"), by the cube root of Wilson & Hilferty 1931.
    """
    if abs(skewness) < _SYMMETRIC:
        return away
    events = skewness**-2
    more = events + 0.5
    score = np.sign(skewness) * away / error
    rate = more * np.maximum(0.0, 1.0 - 1.0 / (9.0 * more) + score / (3.0 * more**0.5)) ** 3
    return floats(np.sign(skewness) * error * (rate - events) / events**0.5)


@lru_cache(maxsize=8)
def _pivots(degrees: float) -> FloatArray:
    """Draws of the Student variable; comparisons of one eval mostly share their degrees of freedom."""
    return np.interp(_SECOND, _SCORES, student_quantile(NODES, degrees))


def _order(values: FloatArray) -> IntArray:
    """What sorts the values, equal ones as they come. The stable sort takes three times as long, and hardly any are
    equal."""
    order = np.argsort(values)
    ranked = values[order]
    return np.argsort(values, kind="stable") if (ranked[1:] == ranked[:-1]).any() else order


def moved(examples: FloatArray, pivots: FloatArray, arm: Rate, reference: Rate | None) -> FloatArray:
    """The difference (or the one rate) for draws of the example noise and of the Student variable. What one rate cannot
    move for want of room, the other does."""
    if reference is None:
        return logistic(_logit(arm.value + arm.part * (examples - arm.value)) + arm.pull * pivots)
    shift = examples - (arm.value - reference.value)
    left, right = arm.value + arm.part * shift, reference.value - reference.part * shift
    if min(left.min(), right.min()) < 0.0 or max(left.max(), right.max()) > 1.0:
        beyond, beyond_too = (left < 0.0) | (left > 1.0), (right < 0.0) | (right > 1.0)
        clipped, clipped_too = np.clip(left, 0.0, 1.0), np.clip(right, 0.0, 1.0)
        left = np.where(beyond_too, clipped_too + examples, clipped)
        right = np.where(beyond, clipped - examples, clipped_too)
    return floats(
        logistic(_logit(left) + arm.pull * pivots) - logistic(_logit(right) - reference.pull * pivots)
    )  # fmt: skip


def _logit(share: FloatArray) -> FloatArray:
    return logit(np.clip(share, _EDGE, 1.0 - _EDGE))
