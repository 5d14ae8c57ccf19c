"""The ratio of two arms' quality per unit of cost, such as right answers per second of training.

Contract: the noise of the examples, which both arms share, and of the seeds, in which quality and cost vary together,
both count. No interval where a side's quality is not clearly above zero, or where a measured cost has one replicate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from bench.stats.arrays import BoolArray
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import LEVEL, Delta
from bench.stats.estimates.missing import AsScored, WorstCase, counted_as, missing_bounds, missing_share, worst_scale
from bench.stats.estimates.paired import REPLICATES, paired_delta
from bench.stats.estimates.replicates import plan_of, replicate_rows, seed_prior_of
from bench.stats.estimates.single import score_interval
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import Scores

MOST_RELATIVE_ERROR = 0.25
"""Above this share of the quality itself, its standard error is too large for a linearised logarithm."""


Costly: TypeAlias = tuple[Scores, Sequence[float]]
"""Scores, and one positive cost for each of their rows."""


def efficiency_prior(arms: Iterable[Costly]) -> SeedPrior | None:
    """What the seeds of all arms say together about the noise of the logarithm of quality per cost; an arm without a
    quality above zero says nothing."""
    logs = []
    for scores, costs in arms:
        kept: BoolArray = np.asarray(scores.present.any(axis=0))
        mean = float(plan_of(scores, kept).mean(replicate_rows(scores, kept)).mean()) if kept.any() else 0.0
        if mean > 0:
            logs.append(_scaled(scores, costs, mean))
        elif not kept.any():
            logs.append(scores)
    return seed_prior_of(logs)


def efficiency_ratio(
    arm: Costly,
    reference: Costly,
    *,
    counted: bool,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> Ratio:
    """(arm quality / arm cost) / (reference quality / reference cost), of means over examples and geometric over costs.

    counted: the costs are counts, not measurements. prior: `efficiency_prior` of all arms.

    The logarithm of a mean is linearised at the mean (delta method, Efron & Tibshirani 1993, chapter 21.9): a score x
    of a row with cost c enters as x / mean + log(mean) - 1 - log(c), so that the paired difference of such scores has
    the estimate and the spread of the log ratio.
    """
    options = _RatioOptions(counted=counted, seed=seed, replicates=replicates, level=level, prior=prior)
    ratio = _as_scored(arm, reference, options)
    sides = arm[0], reference[0]
    if ratio.ratio is None or not any(missing_share(side) for side in sides):
        return ratio
    scale = worst_scale(sides)
    lowest, highest = (
        _as_scored((counted_as(sides[0], left), arm[1]), (counted_as(sides[1], right), reference[1]), options)
        for left, right in (scale, scale[::-1])
    )
    bounds = None
    if lowest.ratio is not None and highest.ratio is not None:
        bounds = missing_bounds(
            _worst_case(lowest),
            _worst_case(highest),
            scored=AsScored(low=_log(ratio.low), high=_log(ratio.high), p_value=ratio.p_value),
            level=level,
            missing=missing_share(sides[0]),
            reference_missing=missing_share(sides[1]),
            scale=scale,
        )
    return replace(ratio, bounds=bounds, extremes=(lowest, highest))


def _worst_case(ratio: Ratio) -> WorstCase:
    assert ratio.ratio is not None, "chosen so"
    error = None if ratio.components is None else _error(ratio.components)
    return WorstCase(
        estimate=float(np.log(ratio.ratio)), standard_error=error, curve=ratio.curve, p_value=ratio.p_value
    )


def _log(value: float | None) -> float | None:
    return None if value is None else float(np.log(value))


def _error(parts: Components) -> float:
    """Standard error of a log ratio from its parts."""
    seeds = ((parts.seed or 0.0) + (parts.rest or 0.0)) / parts.replicates
    return float((parts.example + seeds) ** 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RatioOptions:
    """Arguments of `efficiency_ratio`."""

    counted: bool
    seed: int
    replicates: int
    level: float
    prior: SeedPrior | None


def _as_scored(arm: Costly, reference: Costly, options: _RatioOptions) -> Ratio:
    """The ratio from the scores that are there."""
    level = options.level
    plain = paired_delta(arm[0], reference[0], seed=options.seed, replicates=1, level=level)
    qualities = plain.arm_mean, plain.reference_mean
    if qualities[0] is None or qualities[1] is None:
        return _none(plain, level, plain.reason or "nothing to compare")
    if min(qualities[0], qualities[1]) <= 0:
        return _none(plain, level, "a quality of zero or less has no ratio")
    left, right = _scaled(*arm, qualities[0]), _scaled(*reference, qualities[1])
    delta = paired_delta(
        left, right, seed=options.seed, replicates=options.replicates, level=level, prior=options.prior
    )
    ratio = _ratio(delta, level)
    if not options.counted and min(delta.arm_seeds, delta.reference_seeds) < 2:
        return _without_interval(ratio, "a measured cost of one training has no known noise")
    if any(_relative_error(scores, options.seed) > MOST_RELATIVE_ERROR for scores in (arm[0], reference[0])):
        return _without_interval(ratio, "a quality is too near zero for an interval of its ratio")
    return ratio


def _scaled(scores: Scores, costs: Sequence[float], mean: float) -> Scores:
    logs = np.log(np.asarray(costs, dtype=np.float64))
    values = scores.values / mean + np.log(mean) - 1.0 - logs[:, None]
    return replace(scores, values=np.where(scores.present, values, 0.0), binary=False, bounds=None)


def _relative_error(scores: Scores, seed: int) -> float:
    """Infinite where it is unknown."""
    estimate = score_interval(scores, seed=seed, replicates=1)
    return (
        float("inf")
        if estimate.standard_error is None or not estimate.mean
        else estimate.standard_error / abs(estimate.mean)
    )


def _ratio(delta: Delta, level: float) -> Ratio:
    def of_log(value: float | None) -> float | None:
        return None if value is None else float(np.exp(value))

    return Ratio(
        ratio=of_log(delta.estimate),
        low=of_log(delta.low),
        high=of_log(delta.high),
        level=level,
        p_value=delta.p_value,
        mde=of_log(delta.mde),
        method=f"logarithm of quality per cost, linearised; {delta.method}",
        reason=delta.reason,
        arm_seeds=delta.arm_seeds,
        reference_seeds=delta.reference_seeds,
        n_missing=delta.n_missing,
        log_variance=None,
        curve=delta.curve,
        components=delta.components,
        n_examples=delta.n_examples,
    )


def _without_interval(ratio: Ratio, reason: str) -> Ratio:
    return replace(ratio, low=None, high=None, p_value=None, mde=None, method="none", reason=reason, curve=None)


def _none(delta: Delta, level: float, reason: str) -> Ratio:
    return _without_interval(replace(_ratio(delta, level), ratio=None), reason)
