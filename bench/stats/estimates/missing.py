"""What scores that are missing leave open, and how the others are used.

Contract: the estimand is the value over the examples that the run set out to score. As scored, a seed's gap is filled
from the other seeds of its arm (additive model of seed and example, least squares), so that each seed uses all examples
that it has: right if scores are missing at random given seed and example. Whatever the reason, the value is between
the two worst cases, in which every missing score is the lowest, or the highest, of its scale (Manski 2003, "Partial
identification of probability distributions", chapter 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, floats
from bench.stats.curves.curve import Curve
from bench.stats.curves.distributions import normal_cdf, normal_quantile
from bench.stats.samples.sample import Scores

_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBounds:
    """A value or delta if the missing scores are as low, or as high, as they can be; of a delta the arm's and the
    reference's in opposite directions.

    lowest, highest: worst-case estimates. low, high: interval of Imbens & Manski 2004 ("Confidence intervals for
    partially identified parameters"), which covers the value whatever is missing, and at least the interval as scored:
    a missing score makes nothing surer, though a value far inside of wide bounds needs an error on one side alone;
    `None` where a worst case has no interval. p_value: two-sided, of zero, at which that interval ends at zero.
    missing, reference_missing: shares of the scores of the seeds that have any. scale: what a missing score is counted
    as; where the score has no ends of its own, the lowest and highest that either side has.
    """

    lowest: float
    highest: float
    low: float | None
    high: float | None
    p_value: float | None
    missing: float
    reference_missing: float | None
    scale: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsScored:
    """Interval, and p-value of no difference, from the scores that are there; `None` where they give none."""

    low: float | None
    high: float | None
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """One end of the bounds: the estimate, its standard error and its confidence curve. p_value: of no difference."""

    estimate: float
    standard_error: float | None
    curve: Curve | None
    p_value: float | None


def fill_gaps(
    values: FloatArray, present: BoolArray, weights: FloatArray, bounds: tuple[float, float] | None = None
) -> FloatArray:
    """Values [seeds, examples] whose gaps hold seed + example of the additive model, within `bounds`.

    Every seed and every example has a score at least. Seeds without a common example differ by their own means.
    """
    if present.all():
        return values
    total = (present * weights).sum(axis=1)
    per_example = present.sum(axis=0)
    observed = (present * weights * values).sum(axis=1) / total
    centred = np.where(present, values - (present * values).sum(axis=0) / per_example, 0.0)
    normal = np.diag(total) - (present * weights / per_example) @ present.T
    start = observed - observed.mean()
    seed = start + np.linalg.pinv(normal, hermitian=True) @ ((centred * weights).sum(axis=1) - normal @ start)
    example = (present * (values - seed[:, None])).sum(axis=0) / per_example
    fitted = seed[:, None] + example
    return np.where(present, values, fitted if bounds is None else np.clip(fitted, *bounds))


def missing_share(scores: Scores) -> float:
    """Share of the scores, by weight, that seeds with any score lack."""
    alive = scores.present[scores.present.any(axis=1)]
    if not alive.size:
        return 0.0
    return float((~alive * scores.weights).sum() / (scores.weights.sum() * alive.shape[0]))


def worst_scale(sides: Sequence[Scores]) -> tuple[float, float]:
    """What missing scores are counted as: the ends of the scale, or else of all scores of the sides."""
    if sides[0].binary:
        return 0.0, 1.0
    if sides[0].bounds is not None:
        return sides[0].bounds
    seen = np.concatenate([scores.values[scores.present] for scores in sides])
    return float(seen.min()), float(seen.max())


def counted_as(scores: Scores, value: float) -> Scores:
    """Scores with each gap of a seed that has any score counted as `value`, or as what it is by definition."""
    alive = np.logical_or.reduce(scores.present, axis=1, keepdims=True)
    return replace(
        scores,
        values=np.where(alive & ~scores.present, value if scores.defined is None else scores.defined, scores.values),
        present=np.broadcast_to(alive, scores.present.shape).copy(),
    )


def missing_bounds(
    lowest: WorstCase,
    highest: WorstCase,
    *,
    scored: AsScored,
    level: float,
    missing: float,
    reference_missing: float | None,
    scale: tuple[float, float],
) -> MissingBounds:
    """The bounds between two worst cases."""
    low = high = p_value = None
    errors = [case.standard_error or 0.0 for case in (lowest, highest)]
    width = (highest.estimate - lowest.estimate) / max(max(errors), 1e-12)
    if lowest.curve is not None and highest.curve is not None:
        tail = _tail(width, level)
        low, high = float(lowest.curve.quantile(tail)), float(highest.curve.quantile(1.0 - tail))
        low = low if scored.low is None else min(low, scored.low)
        high = high if scored.high is None else max(high, scored.high)
        p_value = max(_p_value(lowest, highest, width), scored.p_value or 0.0)
    return MissingBounds(
        lowest=lowest.estimate,
        highest=highest.estimate,
        low=low,
        high=high,
        p_value=p_value,
        missing=missing,
        reference_missing=reference_missing,
        scale=scale,
    )


def _tail(width: float, level: float) -> float:
    """One-sided error at each end, between (1 - level) / 2 where nothing is missing and 1 - level for wide bounds.

    Imbens & Manski's equation Φ(C + width) - Φ(-C) = level, solved for Φ(-C). width: in standard errors.
    """
    low, high = (1.0 - level) / 2.0, 1.0 - level
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        covered = float(normal_cdf(width - normal_quantile(middle))) - middle
        low, high = (middle, high) if covered > level else (low, middle)
    return low


def _p_value(lowest: WorstCase, highest: WorstCase, width: float) -> float:
    """Where both worst cases are on one side of zero, from the nearer one's p-value by the same equation; else 1."""
    nearer = lowest if lowest.estimate > 0 else highest if highest.estimate < 0 else None
    if nearer is None or nearer.p_value is None:
        return 1.0
    tail = nearer.p_value / 2.0
    return min(1.0, float(floats(1.0 - normal_cdf(width - normal_quantile(tail)))) + tail)
