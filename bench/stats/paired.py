"""Deltas of two subjects over the same examples, with interval, p-value and what the run could have seen.

Contract: every example that some seed of each side scored is used, and each seed by all that it has; the others are
counted as missing, and `bounds` says what all missing scores leave open. No field is ever NaN: what cannot be said is
`None`, and `reason` says why. Swapping the sides negates the delta.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from bench.stats.binary import flips, mcnemar_midp
from bench.stats.curve import Curve, TangoCurve, interval, two_sided_p
from bench.stats.distributions import BoolArray, FloatArray
from bench.stats.inference import Inference, ScoreScale, infer
from bench.stats.missing import (
    MissingBounds,
    WorstCase,
    counted_as,
    fill_gaps,
    missing_bounds,
    missing_share,
    worst_scale,
)
from bench.stats.moderation import SeedPrior
from bench.stats.power import detectable_effect
from bench.stats.sample import Layout, Scores, layout
from bench.stats.seed_term import Side, pooled_prior
from bench.stats.variance import Components

REPLICATES = 10_000
LEVEL = 0.95
LONE_SURVIVOR = "one seed alone has a score: the noise of training is unknown"
"""Reason of a comparison in which a side lost all seeds but one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """arm - reference, in units of the score, averaged over examples and seeds.

    low, high, p_value (two-sided, of no difference), standard_error and mde (minimal detectable effect at 80% power)
    are `None` where no interval can be given; estimate too where nothing could be compared. n_missing: examples that
    no seed of one side scored, left out. bounds: what missing scores leave open; `None` where none is missing.
    extremes: the delta with the arm's missing scores as low and the reference's as high as they can be, and the
    reverse. n_better, n_worse: examples on which the arm's mean over seeds is above or below.
    seeds_failed: replicates of both sides without a single score, left out. noise: which sources the interval covers.
    repeated: whether every trained side has two seeds at least, so that the noise of training is in the interval.

    seed_prior: what the eval's arms say together about their seeds' noise; `None` where nothing was asked of them, or
    they are too few.

    A side of which one seed alone is left has no interval and no p-value: losing seeds must not raise confidence.
    """

    estimate: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    standard_error: float | None
    mde: float | None
    method: str
    noise: str
    reason: str | None
    arm_mean: float | None
    reference_mean: float | None
    n_examples: int
    n_missing: int
    n_clusters: int
    n_better: int
    n_worse: int
    arm_seeds: int
    reference_seeds: int
    seeds_failed: int
    repeated: bool
    components: Components | None
    seed_prior: SeedPrior | None
    curve: Curve | None = field(compare=False, repr=False)
    bounds: MissingBounds | None = None
    extremes: "tuple[Delta, Delta] | None" = field(default=None, compare=False, repr=False)

    @property
    def tested_p(self) -> float | None:
        """The p-value that decides: of no difference, whatever the missing scores are."""
        return self.p_value if self.bounds is None or self.p_value is None else self.bounds.p_value

    @property
    def tested_interval(self) -> tuple[float, float] | None:
        """The interval that decides: it covers the difference whatever the missing scores are."""
        low, high = (self.low, self.high) if self.bounds is None else (self.bounds.low, self.bounds.high)
        return None if self.low is None or low is None or high is None else (low, high)

    @property
    def missing_decides(self) -> bool:
        """Whether the interval is on another side of zero, or no longer on one side, in a worst case."""
        return len({_direction(delta) for delta in (self, *(self.extremes or ()))}) > 1


def _direction(delta: Delta) -> int:
    """1 or -1 where the interval excludes zero, else 0."""
    if delta.low is None or delta.high is None:
        return 0
    return int(delta.low > 0) - int(delta.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """arm, reference: [rows, kept examples]; a row is a seed, or the mean of the seeds of one subset draw."""

    arm: FloatArray
    reference: FloatArray
    kept: BoolArray
    arm_seeds: int
    reference_seeds: int
    seeds_failed: int


_SHARED = ("weights", "clusters", "strata")


def paired_delta(
    arm: Scores,
    reference: Scores,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> Delta:
    """The paired delta of two score matrices over the same examples. prior: `seed_prior_of` the eval's arms.

    One seed each and right-or-wrong scores of independent, equally weighted examples: McNemar's mid-p value and
    Tango's score interval. Else see `bench.stats.inference`.

    Raises ValueError where the two do not share examples, weights, clusters, strata and kind.
    """
    _check_alike(arm, reference)
    delta = _as_scored(arm, reference, seed=seed, replicates=replicates, level=level, prior=prior)
    shares = missing_share(arm), missing_share(reference)
    if delta.estimate is None or not any(shares):
        return delta
    scale = worst_scale((arm, reference))
    lowest, highest = (
        _as_scored(
            counted_as(arm, left),
            counted_as(reference, right),
            seed=seed,
            replicates=replicates,
            level=level,
            prior=prior,
        )
        for left, right in (scale, scale[::-1])
    )
    return with_bounds(delta, lowest, highest, shares=shares, scale=scale)


def with_bounds(
    delta: Delta, lowest: Delta, highest: Delta, *, shares: tuple[float, float], scale: tuple[float, float]
) -> Delta:
    """The delta as scored beside its two worst cases. shares: of the scores that arm and reference lack."""
    bounds = missing_bounds(
        _worst_case(lowest),
        _worst_case(highest),
        level=delta.level,
        missing=shares[0],
        reference_missing=shares[1],
        scale=scale,
    )
    return replace(delta, bounds=bounds, extremes=(lowest, highest))


def _worst_case(delta: Delta) -> WorstCase:
    assert delta.estimate is not None, "every example is counted"
    return WorstCase(
        estimate=delta.estimate, standard_error=delta.standard_error, curve=delta.curve, p_value=delta.p_value
    )


def _as_scored(
    arm: Scores, reference: Scores, *, seed: int, replicates: int, level: float, prior: SeedPrior | None
) -> Delta:
    """The delta from the scores that are there."""
    pairs = _align(arm, reference)
    if not pairs.kept.any():
        return _nothing(pairs, level, "no example was scored by both sides")
    if arm.strata is not None and set(arm.strata.tolist()) != set(arm.strata[pairs.kept].tolist()):
        return _nothing(pairs, level, "a task has no example that was scored by both sides")
    plan = plan_of(arm, pairs.kept)
    left, right = side_of(arm, pairs.arm), side_of(reference, pairs.reference)
    if arm.binary and plan.plain and pairs.arm.shape[0] == pairs.reference.shape[0] == 1:
        inference, p_value = _proportions(pairs)
    else:
        inference = infer(left, right, plan, _scale(arm, pairs), seed=seed, replicates=replicates, prior=prior)
        p_value = None
    delta = delta_of(inference, left, right, plan, level, p_value=p_value, pairs=pairs, prior=prior)
    lone = _lone(arm, pairs.arm_seeds) or _lone(reference, pairs.reference_seeds)
    return untested(delta, LONE_SURVIVOR) if lone else delta


def seed_prior_of(arms: Iterable[Scores]) -> SeedPrior | None:
    """What the seeds of all arms of one eval say together; each arm over the examples that a seed of it has.

    Bases, arms whose rows are subset draws, arms that lost seeds, and arms with a single seed say nothing; equal scores
    count once.
    """
    sides: list[tuple[Side, Layout]] = []
    ends: set[tuple[float, float] | None] = set()
    distinct = {(arm.values.tobytes(), arm.present.tobytes()): arm for arm in arms}
    for arm in distinct.values():
        kept: BoolArray = np.asarray(arm.present.any(axis=0))
        side = side_of(arm, replicate_rows(arm, kept)) if kept.any() else None
        if side is not None and side.comparable:
            sides.append((side, plan_of(arm, kept)))
            ends.add(arm.rate_ends)
    return pooled_prior(sides, ends=ends.pop()) if len(ends) == 1 else None


def _lone(scores: Scores, seeds: int) -> bool:
    """Whether one seed alone of several is left in a comparison."""
    return scores.trained and seeds == 1 < scores.values.shape[0]


def untested(delta: Delta, reason: str) -> Delta:
    """The estimate without an interval, and without what is decided from one."""
    return replace(
        delta, low=None, high=None, p_value=None, standard_error=None, mde=None, method="none", noise="none",
        reason=reason, components=None, curve=None,
    )  # fmt: skip


def side_of(scores: Scores, rows: FloatArray) -> Side:
    """The side that complete rows of these scores are: see `replicate_rows`."""
    short = rows.shape[0] < scores.values.shape[0]
    return Side(values=rows, trained=scores.trained, drawn=several_draws(scores), short=short)


def noise_statement(arm: Side, reference: Side | None = None, prior: SeedPrior | None = None) -> str:
    """Which sources of noise an interval covers, in the report's words."""
    trained = [side for side in (arm, reference) if side is not None and side.trained]
    if max((side.values.shape[0] for side in trained), default=1) < 2:
        return "example noise only"
    drawn = ", and that of subset draws" if any(side.drawn for side in trained) else ""
    if prior is None or not any(side.comparable for side in trained):
        return f"example and training-seed noise{drawn}"
    if not prior.usable:
        return f"example and training-seed noise, each arm's own, as the arms' noise differs{drawn}"
    return f"example and training-seed noise, the latter moderated over {prior.arms} arms{drawn}"


def plan_of(scores: Scores, kept: BoolArray) -> Layout:
    """The layout of the examples that were kept (at least one)."""
    clusters = None if scores.clusters is None else scores.clusters[kept]
    return layout(scores.weights[kept], clusters, None if scores.strata is None else scores.strata[kept])


def _rows_within(scores: Scores, kept: BoolArray) -> BoolArray:
    """Which replicates have a score of a kept example: [seeds]."""
    return np.asarray(scores.present[:, kept].any(axis=1))


def replicate_rows(scores: Scores, kept: BoolArray) -> FloatArray:
    """Values [rows, kept examples] of the replicates that have any of them, gaps filled: a row per seed or, with two
    subset draws or more, per draw (the mean of its seeds: replicates of one draw are not independent)."""
    alive = _rows_within(scores, kept)
    bounds = (0.0, 1.0) if scores.binary else scores.bounds
    values = fill_gaps(scores.values[alive][:, kept], scores.present[alive][:, kept], scores.weights[kept], bounds)
    if scores.draws is None or not several_draws(scores):
        return values
    draws = scores.draws[alive]
    return np.stack([values[draws == draw].mean(axis=0) for draw in np.unique(draws)])


def several_draws(scores: Scores) -> bool:
    """Whether the rows with scores come from two subset draws at least."""
    return scores.draws is not None and np.unique(scores.draws[scores.present.any(axis=1)]).size > 1


def _check_alike(arm: Scores, reference: Scores) -> None:
    def same(name: str) -> bool:
        left, right = getattr(arm, name), getattr(reference, name)
        return left is right if left is None or right is None else bool(np.array_equal(left, right))

    alike = (arm.n_examples, arm.binary, arm.bounds) == (
        reference.n_examples,
        reference.binary,
        reference.bounds,
    )
    if not alike or not all(same(name) for name in _SHARED):
        raise ValueError("arm and reference must share examples, weights, clusters, strata, bounds and kind")


def _align(arm: Scores, reference: Scores) -> _Pairs:
    """Leaves out examples that no replicate of a side scored, then replicates without any score of the others."""
    kept: BoolArray = np.logical_and(arm.present.any(axis=0), reference.present.any(axis=0))
    left, right = (_rows_within(side, kept) for side in (arm, reference))
    some = bool(kept.any())
    return _Pairs(
        arm=replicate_rows(arm, kept) if some else arm.values[:, :0],
        reference=replicate_rows(reference, kept) if some else reference.values[:, :0],
        kept=kept,
        arm_seeds=int(left.sum()),
        reference_seeds=int(right.sum()),
        seeds_failed=int((~left).sum() + (~right).sum()),
    )


def _scale(arm: Scores, pairs: _Pairs) -> ScoreScale:
    bounds = (0.0, 1.0) if arm.binary else arm.bounds
    observed = np.concatenate([pairs.arm.ravel(), pairs.reference.ravel()])
    span = float(np.ptp(observed)) if bounds is None else bounds[1] - bounds[0]
    return ScoreScale(
        binary=arm.coarse,
        support=None if bounds is None else (-span, span),
        seen=(-span, span) if span > 0 else None,
        pseudo=1,
        ends=arm.rate_ends,
    )


def _proportions(pairs: _Pairs) -> tuple[Inference, float]:
    """Right or wrong, one seed each, independent examples."""
    size = pairs.arm.shape[1]
    gained, lost = flips(pairs.arm[0], pairs.reference[0])
    estimate = (gained - lost) / size
    tilt = (gained - lost) / (size + 2)
    variance = ((gained + lost + 2) / (size + 2) - tilt**2) / (size + 2)
    inference = Inference(
        estimate=estimate,
        curve=TangoCurve(gained=gained, lost=lost, pairs=size),
        standard_error=variance**0.5,
        method="Tango score interval for paired proportions, McNemar mid-p value",
        components=Components(example=variance, seed=None, rest=None),
    )
    return inference, float(mcnemar_midp(gained, lost))


def delta_of(
    inference: Inference,
    arm: Side,
    reference: Side,
    plan: Layout,
    level: float,
    *,
    p_value: float | None = None,
    pairs: _Pairs | None = None,
    prior: SeedPrior | None = None,
) -> Delta:
    """The delta that an inference gives. p_value: where it comes from elsewhere than the curve. pairs: what was
    left out; by default nothing. prior: with which the inference was made."""
    low, high = (None, None) if inference.curve is None else interval(inference.curve, level)
    means, base_means = arm.values.mean(axis=0), reference.values.mean(axis=0)
    better, worse = flips(means, base_means)
    if p_value is None and inference.curve is not None:
        p_value = two_sided_p(inference.curve, 0.0)
    return Delta(
        estimate=inference.estimate,
        low=low,
        high=high,
        level=level,
        p_value=p_value,
        standard_error=inference.standard_error,
        mde=detectable_at(inference, level),
        method=inference.method if inference.method == "none" else f"paired: {inference.method}",
        noise="none" if inference.curve is None else noise_statement(arm, reference, prior),
        reason=inference.reason,
        arm_mean=float(means @ plan.share),
        reference_mean=float(base_means @ plan.share),
        n_examples=means.size,
        n_missing=0 if pairs is None else int((~pairs.kept).sum()),
        n_clusters=plan.n_units,
        n_better=better,
        n_worse=worse,
        arm_seeds=arm.values.shape[0] if pairs is None else pairs.arm_seeds,
        reference_seeds=reference.values.shape[0] if pairs is None else pairs.reference_seeds,
        seeds_failed=0 if pairs is None else pairs.seeds_failed,
        repeated=all(side.values.shape[0] > 1 for side in (arm, reference) if side.trained),
        components=inference.components,
        seed_prior=prior,
        curve=inference.curve,
    )


def detectable_at(delta: Delta | Inference, level: float) -> float | None:
    """The smallest true effect that a two-sided test at 1 - level finds with 80% power; `None` without an interval.

    From the standard error; where all values agree there is none, and the wider arm of the exact bound is it.
    """
    parts, curve = delta.components, delta.curve
    if curve is None or delta.estimate is None:
        return None
    if delta.standard_error is not None and parts is not None:
        seed_variance = max(0.0, delta.standard_error**2 - parts.example)
        return detectable_effect(
            parts.example**0.5,
            parts.example_degrees,
            seed_error=seed_variance**0.5 if parts.seed_degrees is not None else 0.0,
            seed_degrees=parts.seed_degrees or 1.0,
            level=level,
        )
    low, high = interval(curve, level)
    return max(delta.estimate - low, high - delta.estimate)


def _nothing(pairs: _Pairs, level: float, reason: str) -> Delta:
    return Delta(
        estimate=None,
        low=None,
        high=None,
        level=level,
        p_value=None,
        standard_error=None,
        mde=None,
        method="none",
        noise="none",
        reason=reason,
        arm_mean=None,
        reference_mean=None,
        n_examples=int(pairs.kept.sum()),
        n_missing=int((~pairs.kept).sum()),
        n_clusters=0,
        n_better=0,
        n_worse=0,
        arm_seeds=pairs.arm_seeds,
        reference_seeds=pairs.reference_seeds,
        seeds_failed=pairs.seeds_failed,
        repeated=False,
        components=None,
        seed_prior=None,
        curve=None,
    )
