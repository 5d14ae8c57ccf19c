"""A judge's rate, corrected by a few human labels: prediction-powered inference.

Contract: pure. The labelled units are a random part of all; units (examples, with their seeds) are independent.

Angelopoulos et al. 2023, "Prediction-powered inference"; the weight of the judge is chosen as by Angelopoulos, Duchi &
Zrnic 2023, "PPI++", so that a judge that agrees with nobody costs nothing.
"""

from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.curves.distributions import student_quantile

LEAST_LABELS = 10
"""Labelled units below which their spread says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A rate by human labels and a judge. weight: of the judge, 0 (labels alone) to 1. agreement: share of the labelled
    units on which judge and human say the same. reason: why there is no interval."""

    rate: float
    low: float | None
    high: float | None
    labelled: int
    judged: int
    agreement: float
    weight: float
    reason: str | None = None


def corrected_rate(labels: FloatArray, judged: FloatArray, unlabelled: FloatArray, *, level: float = 0.95) -> Corrected:
    """The mean human label over all units.

    labels, judged: [n], human and judge on the labelled units. unlabelled: [m], the judge on the others. All from 0 to
    1. Raises ValueError without labels."""
    n, m = labels.size, unlabelled.size
    if n == 0 or judged.shape != labels.shape:
        raise ValueError("give a human label and the judge's for each labelled unit")
    agreement = float((np.abs(labels - judged) < 0.25).mean())
    weight = _weight(labels, judged, unlabelled)
    shift = weight * (float(unlabelled.mean()) - float(judged.mean())) if m else 0.0
    rate = float(labels.mean()) + shift
    if n < LEAST_LABELS:
        return Corrected(
            rate=float(np.clip(rate, 0.0, 1.0)), low=None, high=None, labelled=n, judged=n + m, agreement=agreement,
            weight=weight, reason=f"an interval needs {LEAST_LABELS} labels or more",
        )  # fmt: skip
    left = labels - weight * judged
    variance = _spread(left) / n + (weight**2 * float(np.var(unlabelled, ddof=1)) / m if m > 1 else 0.0)
    reach = float(student_quantile((1.0 + level) / 2.0, n - 2.0)) * variance**0.5
    low, high, rate = (float(np.clip(value, 0.0, 1.0)) for value in (rate - reach, rate + reach, rate))
    return Corrected(
        rate=rate, low=low, high=high, labelled=n, judged=n + m, agreement=agreement, weight=weight
    )  # fmt: skip


def _weight(labels: FloatArray, judged: FloatArray, unlabelled: FloatArray) -> float:
    """Weight of the judge with the smallest variance of the rate."""
    n, m = labels.size, unlabelled.size
    if n < 2 or m < 2:
        return 0.0
    spread = float(np.var(judged, ddof=1))
    shared = float(np.cov(labels, judged, ddof=1)[0, 1])
    return float(np.clip(shared / (spread * (1.0 + n / m)), 0.0, 1.0)) if spread > 0 else 0.0


def _spread(left: FloatArray) -> float:
    """Variance of what the judge leaves; where nothing is left, as if one more label disagreed half-way."""
    variance = float(np.var(left, ddof=2))  # a mean and a weight were fitted
    if variance > 0.0:
        return variance
    return float(np.var(np.append(left, left[0] + 0.5), ddof=1))
