"""Tests and intervals for right-or-wrong scores of independent examples. All functions broadcast over arrays.

`gained` counts the examples that the arm got right and the reference wrong, `lost` the other way round.
"""

import numpy as np
from numpy.typing import ArrayLike

from bench.stats.arrays import FloatArray, floats
from bench.stats.curves.distributions import binomial_cdf, normal_quantile

_LAST_DIGITS = 1e-9
"""Share of the largest score, below which two scores are the same."""


def mcnemar_midp(gained: ArrayLike, lost: ArrayLike) -> FloatArray:
    """Two-sided mid-p value of McNemar's exact test; 1 without discordant pairs.

    Fagerland, Lydersen & Laake 2013, "The McNemar test for binary matched-pairs data: mid-p and asymptotic are better
    than exact conditional".
    """
    fewer = np.minimum(gained, lost)
    discordant = np.asarray(gained) + np.asarray(lost)
    upto, below = binomial_cdf(fewer, discordant), binomial_cdf(np.asarray(fewer) - 1, discordant)
    return np.minimum(1.0, upto + below)


def tango_statistic(gained: ArrayLike, lost: ArrayLike, pairs: ArrayLike, difference: ArrayLike) -> FloatArray:
    """Score statistic of "the paired difference of proportions is `difference`"; about standard normal under it.

    Tango 1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design". Positive where the data are above `difference`.
    """
    up, down, n, delta = (floats(part) for part in (gained, lost, pairs, difference))
    linear = -up - down + (2.0 * n - up + down) * delta
    root = np.sqrt(np.maximum(linear**2 + 8.0 * n * down * delta * (1.0 - delta), 0.0))
    lost_rate = (root - linear) / (4.0 * n)
    variance = n * (2.0 * lost_rate + delta * (1.0 - delta))
    distance = up - down - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = distance / np.sqrt(np.maximum(variance, 0.0))
    return np.where(distance == 0, 0.0, statistic)


def wilson_bound(successes: ArrayLike, trials: ArrayLike, probability: ArrayLike) -> FloatArray:
    """The bound of Wilson's score interval that has `probability` below it (0.025 and 0.975 for the 95% interval)."""
    z = normal_quantile(probability)
    n = floats(trials)
    rate = floats(successes) / n
    centre = rate + z**2 / (2.0 * n)
    bound = (centre + z * np.sqrt(rate * (1.0 - rate) / n + z**2 / (4.0 * n**2))) / (1.0 + z**2 / n)
    return np.clip(bound, 0.0, 1.0)


def flips(arm: ArrayLike, reference: ArrayLike) -> tuple[int, int]:
    """How many examples were gained and lost: (arm > reference, arm < reference), by more than their last digits: means
    over seeds and sums in another order differ there without a difference."""
    left, right = floats(arm), floats(reference)
    difference = left - right
    least = _LAST_DIGITS * max(np.abs(left).max(initial=0.0), np.abs(right).max(initial=0.0))
    return int(np.sum(difference > least)), int(np.sum(difference < -least))
