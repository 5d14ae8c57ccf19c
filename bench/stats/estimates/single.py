"""The interval of one subject set's own score, shown beside the deltas.

Contract: as `bench.stats.estimates.paired`, without a reference. Intervals of two scores may overlap where their delta
is well resolved: the pairing is lost here, so nothing is decided from them.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray
from bench.stats.curves.curve import Curve, WilsonCurve, interval
from bench.stats.estimates.delta import LEVEL, SURVIVED
from bench.stats.estimates.inference import Inference, infer, value_scale
from bench.stats.estimates.missing import (
    AsScored,
    MissingBounds,
    WorstCase,
    counted_as,
    missing_bounds,
    missing_share,
    worst_scale,
)
from bench.stats.estimates.paired import REPLICATES
from bench.stats.estimates.replicates import noise_statement, plan_of, replicate_rows, side_of
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean over examples and seeds, in units of the score.

    seed_values: each scored seed's (or subset draw's) own value. seed_deviation: their sample standard deviation,
    `None` with one. bounds: what missing scores leave open, `None` where none is missing. The other fields as in
    `bench.stats.estimates.delta.Delta`.
    """

    mean: float | None
    low: float | None
    high: float | None
    level: float
    standard_error: float | None
    method: str
    noise: str
    reason: str | None
    n_examples: int
    n_missing: int
    seeds: int
    seeds_failed: int
    seed_values: tuple[float, ...]
    seed_deviation: float | None
    components: Components | None
    bounds: MissingBounds | None = None

    @property
    def n_asked(self) -> int:
        """Examples with and without a score."""
        return self.n_examples + self.n_missing


def score_interval(
    scores: Scores,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> Estimate:
    """Wilson's interval for right-or-wrong scores of one seed on independent examples; else that of `inference`.

    prior: as in `bench.stats.estimates.paired.paired_delta`.
    """
    estimate, _ = _as_scored(scores, seed=seed, replicates=replicates, level=level, prior=prior)
    missing = missing_share(scores)
    if estimate.mean is None or not missing:
        return estimate
    scale = worst_scale((scores,))
    cases = [
        _as_scored(counted_as(scores, value), seed=seed, replicates=replicates, level=level, prior=prior)
        for value in scale
    ]
    bounds = missing_bounds(
        *(_worst_case(*case) for case in cases),
        scored=AsScored(low=estimate.low, high=estimate.high),
        level=level,
        missing=missing,
        reference_missing=None,
        scale=scale,
    )
    return replace(estimate, bounds=bounds)


def _worst_case(estimate: Estimate, curve: Curve | None) -> WorstCase:
    assert estimate.mean is not None, "every example is counted"
    return WorstCase(estimate=estimate.mean, standard_error=estimate.standard_error, curve=curve, p_value=None)


def _as_scored(
    scores: Scores, *, seed: int, replicates: int, level: float, prior: SeedPrior | None
) -> tuple[Estimate, Curve | None]:
    """The estimate from the scores that are there, and its confidence curve."""
    kept: BoolArray = np.asarray(scores.present.any(axis=0))
    complete = kept.any() and (
        scores.strata is None or set(scores.strata.tolist()) == set(scores.strata[kept].tolist())
    )
    if not complete:
        return _estimate(None, np.zeros((0, 0)), scores, n_examples=int(kept.sum()), level=level, means=()), None
    values = replicate_rows(scores, kept)
    plan = plan_of(scores, kept)
    if scores.binary and plan.plain and values.shape[0] == 1:
        inference = _proportion(values[0])
    else:
        side = side_of(scores, values)
        inference = infer(side, None, plan, value_scale(scores, values), seed=seed, replicates=replicates, prior=prior)
    means = tuple(float(mean) for mean in plan.mean(values))
    if scores.survivor is not None:
        inference = replace(
            inference, curve=None, standard_error=None, method="none", components=None, reason=SURVIVED[scores.survivor]
        )
    estimate = _estimate(inference, values, scores, n_examples=int(kept.sum()), level=level, means=means, prior=prior)
    return estimate, inference.curve


def _proportion(row: FloatArray) -> Inference:
    trials, successes = row.size, int(row.sum())
    rate = (successes + 2) / (trials + 4)
    variance = rate * (1 - rate) / (trials + 4)
    return Inference(
        estimate=successes / trials,
        curve=WilsonCurve(successes=successes, trials=trials),
        standard_error=variance**0.5,
        method="Wilson score interval",
        components=Components(example=variance, seed=None, rest=None),
    )


def _estimate(
    inference: Inference | None,
    values: FloatArray,
    scores: Scores,
    *,
    n_examples: int,
    level: float,
    means: tuple[float, ...],
    prior: SeedPrior | None = None,
) -> Estimate:
    alive = int(scores.present.any(axis=1).sum())
    low, high = (None, None) if inference is None or inference.curve is None else interval(inference.curve, level)
    return Estimate(
        mean=None if inference is None else inference.estimate,
        low=low,
        high=high,
        level=level,
        standard_error=None if inference is None else inference.standard_error,
        method="none" if inference is None else inference.method,
        noise="none"
        if inference is None or inference.curve is None
        else noise_statement(side_of(scores, values), prior=prior),
        reason="no example was scored, or a task has none" if inference is None else inference.reason,
        n_examples=n_examples,
        n_missing=scores.n_examples - n_examples,
        seeds=alive,
        seeds_failed=int(scores.values.shape[0]) - alive,
        seed_values=means,
        seed_deviation=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        components=None if inference is None else inference.components,
    )
