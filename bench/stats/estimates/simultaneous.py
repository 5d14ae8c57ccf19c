"""The level of each interval of a band that holds at several steps of a training at once.

The maximum of the steps' standardised errors is that of a normal vector with their correlation (Hothorn, Bretz &
Westfall 2008, "Simultaneous inference in general parametric models"). Its quantile, as a two-sided level, is the level
at which each step has the interval that it would have alone, whatever its curve: a Gaussian copula over the steps.

Contract: the level is at least that of a single interval and at most Bonferroni's. Steps share examples, whose
correlation is seen; that of the seeds' noise is seen from few seeds, and counts the less the fewer there are.
"""

from collections.abc import Sequence

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, grouped_sums
from bench.stats.curves.distributions import normal_cdf
from bench.stats.estimates.replicates import plan_of, replicate_rows
from bench.stats.samples.sample import Layout, Scores

_DRAWS = 20_000


def band_level(steps: Sequence[Scores], reference: Scores, *, seed: int, level: float = 0.95) -> float:
    """Level of each step's interval, for a band at `level` of the differences from `reference` over all `steps`.

    Bonferroni's where no example is scored at all steps. Raises ValueError without a step.
    """
    if not steps:
        raise ValueError("a band has one step at least")
    bonferroni = 1.0 - (1.0 - level) / len(steps)
    kept: BoolArray = np.logical_and.reduce([scores.present.any(axis=0) for scores in (*steps, reference)])
    if len(steps) == 1 or kept.sum() < 2:
        return bonferroni
    plan = plan_of(reference, kept)
    rows = [replicate_rows(scores, kept) for scores in steps]
    correlation = _correlation(_covariance(rows, replicate_rows(reference, kept).mean(axis=0), plan))
    found = _largest_quantile(correlation, seed=seed, level=level)
    return float(min(bonferroni, max(level, 2.0 * float(normal_cdf(np.array(found))) - 1.0)))


def _covariance(rows: Sequence[FloatArray], reference: FloatArray, plan: Layout) -> FloatArray:
    """Covariance of the steps' mean differences: from examples, and from seeds where all steps have as many."""
    differences = np.stack([row.mean(axis=0) - reference for row in rows])
    totals = plan.totals(differences)
    inside = np.array([grouped_sums(plan.stratum, row, plan.n_strata) for row in totals])
    mass = grouped_sums(plan.stratum, plan.mass, plan.n_strata)
    residuals = totals - (inside / mass)[:, plan.stratum] * plan.mass
    covariance: FloatArray = residuals @ residuals.T
    seeds = {row.shape[0] for row in rows}
    if len(seeds) == 1 and (count := seeds.pop()) > 1:
        means = np.array([plan.mean(row) for row in rows])
        of_seeds = np.cov(means) / count
        known = max(0.0, 1.0 - 2.0 / (count - 1))
        covariance = covariance + known * of_seeds + (1.0 - known) * np.diag(np.diag(of_seeds))
    return covariance


def _correlation(covariance: FloatArray) -> FloatArray:
    """A step without noise is correlated with none."""
    deviations = np.sqrt(np.diag(covariance))
    scale = np.where(deviations > 0, deviations, 1.0)
    correlation: FloatArray = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def _largest_quantile(correlation: FloatArray, *, seed: int, level: float) -> float:
    """Quantile of the largest absolute value of a normal vector with this correlation, from seeded draws."""
    values, vectors = np.linalg.eigh(correlation)
    factor = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(seed).standard_normal((_DRAWS, correlation.shape[0])) @ factor.T
    return float(np.quantile(np.abs(draws).max(axis=1), level))
