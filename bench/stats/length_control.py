"""The preference for one side's answers at equal length: a judge's win rate with the effect of length taken out.

Contract: per seed, the logistic model P(win) = 1 / (1 + exp(-(a + b x))) is fitted to wins (1), ties (0.5) and losses
(0), where x = tanh(d / s), d is the difference of the answers' lengths and s its standard deviation over the examples;
the rate is the prediction at x = 0. This is the length-controlled win rate of AlpacaEval 2 (Dubois et al. 2024)
without its term for each prompt's difficulty. a and b have normal priors around 0, wide enough to matter only where
the data leave them open (a judge that follows length alone). Standard deviation and model are fitted anew in each
bootstrap replicate.
"""

from dataclasses import dataclass

import numpy as np

from bench.stats.curve import interval
from bench.stats.distributions import FloatArray, floats
from bench.stats.inference import ScoreScale, Side, infer
from bench.stats.paired import LEVEL
from bench.stats.resample import count_chunks
from bench.stats.sample import layout

REPLICATES = 2_000
PRIOR_DEVIATIONS = (10.0, 5.0)
"""Prior deviations of a and b. A narrower prior of b leaves more of the longer side's advantage where a judge goes by
length alone; with a wider one, or Firth's (1993), the rate of such a judge strays up to twice as far from case to
case."""
ALONE = 7.0
"""Limit of b: from here on length decides nearly every pair. The rate at equal length then rests on the few pairs of
nearly equal length, and leans to the side whose answers are longer."""
MOSTLY = 0.95
"""With a larger share of longer (or of shorter) answers there is nothing to tell length and quality apart by."""
_STEPS, _LONGEST_STEP, _SMALL = 50, 4.0, 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthControlled:
    """rate: mean over seeds. low, high: `None` where no interval can be given. length_effect: b, the log odds of a win
    gained where d goes from 0 to far above s. reason: why there is no rate or no interval."""

    rate: float | None
    low: float | None
    high: float | None
    level: float
    length_effect: float | None
    n_examples: int
    longer: float
    """Share of the examples, over seeds, where this side's answer is the longer one."""
    shorter: float
    method: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """Intercept and slope of each resample, both [rows]."""

    intercept: FloatArray
    slope: FloatArray

    @property
    def rate(self) -> FloatArray:
        return _logistic(self.intercept)


def length_controlled(
    preferences: FloatArray,
    differences: FloatArray,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    trained: bool = True,
) -> LengthControlled:
    """The rate with its interval.

    preferences: [seeds, examples], 1, 0.5 or 0, without gaps. differences: [seeds, examples], this side's length minus
    the other's, in any unit. Raises ValueError where the shapes do not fit.
    """
    if preferences.ndim != 2 or preferences.shape != differences.shape or preferences.shape[1] == 0:
        raise ValueError("preferences and differences must both be [seeds, examples], with at least one example")
    examples = preferences.shape[1]
    longer, shorter = float((differences > 0).mean()), float((differences < 0).mean())
    if max(longer, shorter) > MOSTLY:
        way = "longer" if longer > shorter else "shorter"
        return LengthControlled(
            rate=None,
            low=None,
            high=None,
            level=level,
            length_effect=None,
            n_examples=examples,
            longer=longer,
            shorter=shorter,
            method="none",
            reason=f"nearly all answers are the {way} ones: length and quality cannot be told apart",
        )
    fits = [fit(y, d, np.ones((1, examples))) for y, d in zip(preferences, differences, strict=True)]
    influences = np.stack(
        [_pseudo_values(y, d, fitted) for y, d, fitted in zip(preferences, differences, fits, strict=True)]
    )
    generator = np.random.default_rng(seed)
    draws = [
        np.mean([fit(y, d, counts).rate for y, d in zip(preferences, differences, strict=True)], axis=0)
        for counts in count_chunks(examples, replicates, generator)
    ]
    inference = infer(
        Side(values=influences, trained=trained),
        None,
        layout(np.ones(examples), None, None),
        ScoreScale(binary=False, support=(0.0, 1.0), seen=(0.0, 1.0), pseudo=2),
        seed=seed,
        replicates=replicates,
        draws=np.concatenate(draws),
    )
    low, high = (None, None) if inference.curve is None else interval(inference.curve, level)
    return LengthControlled(
        rate=inference.estimate,
        low=low,
        high=high,
        level=level,
        length_effect=float(np.mean([fitted.slope[0] for fitted in fits])),
        n_examples=examples,
        longer=longer,
        shorter=shorter,
        method=inference.method,
        reason=inference.reason,
    )


def fit(preferences: FloatArray, differences: FloatArray, counts: FloatArray) -> _Fit:
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
    return _Fit(intercept=floats(a), slope=floats(b))


def _scaled(differences: FloatArray, counts: FloatArray) -> FloatArray:
    """tanh(d / s): [rows, examples]; 0 where all differences of a resample are the same."""
    total = counts.sum(axis=1)
    mean = counts @ differences / total
    variance = np.maximum(counts @ np.square(differences) / total - mean**2, 0.0)
    spread = np.sqrt(variance)
    alike = spread <= 1e-9 * (1.0 + float(np.abs(differences).max()))
    ratio = differences / np.where(alike, 1.0, spread)[:, None]
    return floats(np.where(alike[:, None], 0.0, np.tanh(ratio)))


def _pseudo_values(preferences: FloatArray, differences: FloatArray, fit: _Fit) -> FloatArray:
    """[examples] values whose mean is the rate and whose spread is that of its influence function (the infinitesimal
    jackknife; Efron & Tibshirani 1993, chapter 21)."""
    examples = preferences.size
    x = _scaled(differences, np.ones((1, examples)))[0]
    precision = 1.0 / np.square(PRIOR_DEVIATIONS)
    p = _logistic(fit.intercept[0] + fit.slope[0] * x)
    residual, weight = preferences - p, p * (1.0 - p)
    h_aa, h_ab = weight.sum() + precision[0], (weight * x).sum()
    h_bb = (weight * x**2).sum() + precision[1]
    of_intercept = (h_bb * residual - h_ab * residual * x) / (h_aa * h_bb - h_ab**2)
    rate = float(fit.rate[0])
    influence = examples * rate * (1.0 - rate) * of_intercept
    return floats(rate + influence - influence.mean())


def _logistic(z: FloatArray) -> FloatArray:
    return floats(0.5 * (1.0 + np.tanh(0.5 * z)))
