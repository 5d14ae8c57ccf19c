"""The logistic model of a judge's preferences by the difference in length, fitted to many resamples at once.

Contract: P(win) = 1 / (1 + exp(-(a + b x))) is fitted to wins (1), ties (0.5) and losses (0), where x = tanh(d / s), d
is the difference of the answers' lengths and s its standard deviation over the examples. a and b have normal priors
around 0, wide enough to matter only where the data leave them open (a judge that follows length alone).
"""

from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray, floats

PRIOR_DEVIATIONS = (10.0, 5.0)
"""Prior deviations of a and b. A narrower prior of b leaves more of the longer side's advantage where a judge goes by
length alone; with a wider one, or Firth's (1993), the rate of such a judge strays up to twice as far from case to
case."""
_STEPS, _LONGEST_STEP, _SMALL = 50, 4.0, 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFit:
    """Intercept and slope of each resample, both [rows]."""

    intercept: FloatArray
    slope: FloatArray

    @property
    def rate(self) -> FloatArray:
        """Chance of a win at equal length, of each resample."""
        return _logistic(self.intercept)


def fit(preferences: FloatArray, differences: FloatArray, counts: FloatArray) -> LengthFit:
    """Newton's method for all resamples at once. preferences, differences: [examples]; counts: [rows, examples], how
    often each example was drawn."""
    x = _scaled(differences, counts)
    precision = 1.0 / np.square(PRIOR_DEVIATIONS)
    a, b = np.zeros(counts.shape[0]), np.zeros(counts.shape[0])
    for _ in range(_STEPS):
        p = _logistic(a[:, None] + b[:, None] * x)
        residual, weight = counts * (preferences - p), counts * p * (1.0 - p)
        weighted = weight * x
        g_a = residual.sum(axis=1) - precision[0] * a
        g_b = (residual * x).sum(axis=1) - precision[1] * b
        h_aa, h_ab = weight.sum(axis=1) + precision[0], weighted.sum(axis=1)
        h_bb = (weighted * x).sum(axis=1) + precision[1]
        determinant = h_aa * h_bb - h_ab**2
        step_a = (h_bb * g_a - h_ab * g_b) / determinant
        step_b = (h_aa * g_b - h_ab * g_a) / determinant
        longest = np.maximum(np.abs(step_a), np.abs(step_b))
        shrink = np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, _SMALL))
        a, b = a + shrink * step_a, b + shrink * step_b
        if longest.max() < _SMALL:
            break
    return LengthFit(intercept=floats(a), slope=floats(b))


def fit_influence(preferences: FloatArray, differences: FloatArray, fitted: LengthFit) -> FloatArray:
    """Derivative of the rate by the weight of each example: [examples]."""
    x = _scaled(differences, np.ones((1, preferences.size)))[0]
    precision = 1.0 / np.square(PRIOR_DEVIATIONS)
    p = _logistic(fitted.intercept[0] + fitted.slope[0] * x)
    residual, weight = preferences - p, p * (1.0 - p)
    h_aa, h_ab = weight.sum() + precision[0], (weight * x).sum()
    h_bb = (weight * x**2).sum() + precision[1]
    of_intercept = (h_bb * residual - h_ab * residual * x) / (h_aa * h_bb - h_ab**2)
    rate = float(fitted.rate[0])
    return floats(rate * (1.0 - rate) * of_intercept)


def _scaled(differences: FloatArray, counts: FloatArray) -> FloatArray:
    """tanh(d / s): [rows, examples]; 0 where all differences of a resample are the same."""
    total = np.maximum(counts.sum(axis=1), 1.0)
    mean = counts @ differences / total
    variance = np.maximum(counts @ np.square(differences) / total - mean**2, 0.0)
    spread = np.sqrt(variance)
    alike = spread <= 1e-9 * (1.0 + float(np.abs(differences).max()))
    ratio = differences / np.where(alike, 1.0, spread)[:, None]
    return floats(np.where(alike[:, None], 0.0, np.tanh(ratio)))


def _logistic(z: FloatArray) -> FloatArray:
    return floats(0.5 * (1.0 + np.tanh(0.5 * z)))
