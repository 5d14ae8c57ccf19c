"""Deltas of two subjects over the same examples, with interval, p-value and what the run could have seen.

Contract: every example that some seed of each side scored is used, and each seed by all that it has; the others are
counted as missing, and `bounds` says what all missing scores leave open. No field is ever NaN: what is unknown is
`None`, and `reason` says why. Swapping the sides negates the delta.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray
from bench.stats.curves.binary import flips, mcnemar_midp
from bench.stats.curves.curve import ShiftedCurve, TangoCurve, interval, two_sided_p
from bench.stats.estimates.delta import LEVEL, SURVIVED, Delta, detectable_at, untested, with_worst_cases
from bench.stats.estimates.inference import Inference, ScoreScale, infer, value_scale
from bench.stats.estimates.replicates import (
    noise_statement,
    plan_of,
    replicate_rows,
    rows_within,
    side_of,
)
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.side import Side
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import Layout, Scores, Survivor, survivor_of

REPLICATES = 10_000


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


class Pairing(Protocol):
    """How a delta is taken from the scores that are there."""

    def __call__(
        self, arm: Scores, reference: Scores, *, seed: int, replicates: int, level: float, prior: SeedPrior | None
    ) -> Delta: ...


def by_example(
    arm: Scores, reference: Scores, *, seed: int, replicates: int, level: float, prior: SeedPrior | None
) -> Delta:
    """The seeds of both sides are independent draws."""
    pairs = _align(arm, reference)
    if not pairs.kept.any():
        return _nothing(pairs, level, "no example was scored by both sides")
    if arm.strata is not None and set(arm.strata.tolist()) != set(arm.strata[pairs.kept].tolist()):
        return _nothing(pairs, level, "a task has no example that was scored by both sides")
    plan = plan_of(arm, pairs.kept)
    left, right = side_of(arm, pairs.arm), side_of(reference, pairs.reference)
    if arm.defined is not None and reference.defined is not None:
        return _nothing(pairs, level, "both sides are what they are by definition")
    p_value, known = None, reference.defined if reference.defined is not None else arm.defined
    if arm.binary and plan.plain and pairs.arm.shape[0] == pairs.reference.shape[0] == 1:
        inference, p_value = _proportions(pairs)
    elif known is not None:
        scores, side = (arm, left) if arm.defined is None else (reference, right)
        scale = value_scale(scores, side.values, known=known)
        own = infer(side, None, plan, scale, seed=seed, replicates=replicates, prior=prior)
        inference = _from_known(own, known, mirrored=side is right)
    else:
        inference = infer(left, right, plan, _scale(arm, pairs), seed=seed, replicates=replicates, prior=prior)
    delta = delta_of(inference, left, right, plan, level, p_value=p_value, pairs=pairs, prior=prior)
    lone = _survivor(arm, pairs.kept) or _survivor(reference, pairs.kept)
    return delta if lone is None else untested(delta, SURVIVED[lone])


def paired_delta(
    arm: Scores,
    reference: Scores,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
    pairing: Pairing = by_example,
) -> Delta:
    """The paired delta of two score matrices over the same examples. prior: `seed_prior_of` the eval's arms; where
    they are paired by seed, `pair_prior`.

    One seed each and right-or-wrong scores of independent, equally weighted examples: McNemar's mid-p value and
    Tango's score interval. Beside scores that are known by definition the other side's own value is all that varies.
    Else see `bench.stats.estimates.inference`.

    Raises ValueError where the two do not share examples, weights, clusters, strata and kind.
    """
    _check_alike(arm, reference)
    as_scored = partial(pairing, seed=seed, replicates=replicates, level=level, prior=prior)
    return with_worst_cases(arm, reference, as_scored)


def _survivor(scores: Scores, kept: BoolArray) -> Survivor | None:
    """What is left alone of several within the examples of a comparison."""
    return survivor_of(rows_within(scores, kept), scores.draws) if scores.trained else None


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
    left, right = (rows_within(side, kept) for side in (arm, reference))
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


def _from_known(own: Inference, known: float, *, mirrored: bool) -> Inference:
    """Difference of a value and what is known exactly; mirrored: of what is known and the value."""
    curve = None if own.curve is None else ShiftedCurve(curve=own.curve, origin=known, mirrored=mirrored)
    estimate = known - own.estimate if mirrored else own.estimate - known
    return replace(own, estimate=estimate, curve=curve)


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
        arm_mean=float(plan.mean(means)),
        reference_mean=float(plan.mean(base_means)),
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
