"""Deltas of two subjects over the same examples, with interval, p-value and what the run could have seen.

Contract: only examples that every seed replicate of both sides scored are used; the others are counted as missing. No
field is ever NaN: what cannot be said is `None`, and `reason` says why. Swapping the sides negates the delta.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from bench.stats.binary import flips, mcnemar_midp
from bench.stats.curve import Curve, TangoCurve, interval, two_sided_p
from bench.stats.distributions import BoolArray, FloatArray
from bench.stats.inference import Inference, ScoreScale, Side, infer
from bench.stats.power import detectable_effect
from bench.stats.sample import Layout, Scores, layout
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
    some replicate could not score. n_better, n_worse: examples on which the arm's mean over seeds is above or below.
    seeds_failed: replicates of both sides without a single score, left out. noise: which sources the interval covers.
    repeated: whether every trained side has two seeds at least, so that the noise of training is in the interval.

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
    curve: Curve | None = field(compare=False, repr=False)


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
    arm: Scores, reference: Scores, *, seed: int, replicates: int = REPLICATES, level: float = LEVEL
) -> Delta:
    """The paired delta of two score matrices over the same examples.

    One seed each and right-or-wrong scores of independent, equally weighted examples: McNemar's mid-p value and
    Tango's score interval. Else see `bench.stats.inference`.

    Raises ValueError where the two do not share examples, weights, clusters, strata and kind.
    """
    _check_alike(arm, reference)
    pairs = _align(arm, reference)
    if not pairs.kept.any():
        return _nothing(pairs, level, "no example was scored by both sides")
    if arm.strata is not None and set(arm.strata.tolist()) != set(arm.strata[pairs.kept].tolist()):
        return _nothing(pairs, level, "a task has no example that was scored by both sides")
    plan = plan_of(arm, pairs.kept)
    left = Side(values=pairs.arm, trained=arm.trained)
    right = Side(values=pairs.reference, trained=reference.trained)
    if arm.binary and plan.plain and pairs.arm.shape[0] == pairs.reference.shape[0] == 1:
        inference, p_value = _proportions(pairs)
    else:
        inference = infer(left, right, plan, _scale(arm, pairs), seed=seed, replicates=replicates)
        p_value = None
    delta = delta_of(inference, left, right, plan, level, p_value=p_value, pairs=pairs)
    if arm.lone_survivor or reference.lone_survivor:
        return untested(delta, LONE_SURVIVOR)
    drawn = _several_draws(arm) or _several_draws(reference)
    return replace(delta, noise=f"{delta.noise}, and that of subset draws") if drawn else delta


def untested(delta: Delta, reason: str) -> Delta:
    """The same estimate without an interval, and nothing that is decided from one."""
    return replace(
        delta, low=None, high=None, p_value=None, standard_error=None, mde=None, method="none", noise="none",
        reason=reason, components=None, curve=None,
    )  # fmt: skip


def noise_statement(arm: Side, reference: Side | None = None) -> str:
    """Which sources of noise an interval covers, in the report's words."""
    counts = [side.values.shape[0] for side in (arm, reference) if side is not None and side.trained]
    if not counts or max(counts) < 2:
        return "example noise only"
    borrowed = "; a side with a single seed borrows the other's seed variance" if min(counts) < 2 else ""
    return f"example and training-seed noise{borrowed}"


def plan_of(scores: Scores, kept: BoolArray) -> Layout:
    """The layout of the examples that were kept (at least one)."""
    clusters = None if scores.clusters is None else scores.clusters[kept]
    return layout(scores.weights[kept], clusters, None if scores.strata is None else scores.strata[kept])


def replicate_rows(scores: Scores, kept: BoolArray) -> FloatArray:
    """Values [rows, kept examples] of the replicates that have any score: a row per seed or, with two subset draws
    or more, per draw (the mean of its seeds: replicates of one draw are not independent)."""
    alive = scores.present.any(axis=1)
    values = scores.values[alive][:, kept]
    if scores.draws is None or not _several_draws(scores):
        return values
    draws = scores.draws[alive]
    return np.stack([values[draws == draw].mean(axis=0) for draw in np.unique(draws)])


def _several_draws(scores: Scores) -> bool:
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
    """Leaves out replicates without any score, then examples that a remaining replicate lacks."""
    left, right = arm.present.any(axis=1), reference.present.any(axis=1)
    kept: BoolArray = np.logical_and(arm.present[left].all(axis=0), reference.present[right].all(axis=0))
    if not (left.any() and right.any()):
        kept = np.zeros(arm.n_examples, dtype=np.bool_)
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
) -> Delta:
    """The delta that an inference gives. p_value: where it comes from elsewhere than the curve. pairs: what was
    left out; by default nothing."""
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
        mde=None if inference.curve is None else _mde(inference, inference.curve, level),
        method=inference.method if inference.method == "none" else f"paired: {inference.method}",
        noise=noise_statement(arm, reference),
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
        curve=inference.curve,
    )


def _mde(inference: Inference, curve: Curve, level: float) -> float:
    """From the standard error; where all values agree there is none, and the wider arm of the exact bound is it."""
    parts = inference.components
    if inference.standard_error is not None and parts is not None:
        seed_variance = max(0.0, inference.standard_error**2 - parts.example)
        return detectable_effect(
            parts.example**0.5,
            parts.example_degrees,
            seed_error=seed_variance**0.5 if parts.seed_degrees is not None else 0.0,
            seed_degrees=parts.seed_degrees or 1.0,
            level=level,
        )
    low, high = interval(curve, level)
    return max(inference.estimate - low, high - inference.estimate)


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
        curve=None,
    )
