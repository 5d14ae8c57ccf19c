"""What a run's scores are compared with in a stored run: one cell for each arm and eval, paired by example and seed.

Contract: pure. Trainings of the same seed take the same rows in the same order, so where both runs have the same seeds
their difference is taken seed by seed, which is declared by the design and not chosen by a look at the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.report.analysis.aligned.align import Aligned
from bench.stats.curves.distributions import BoolArray
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import plan_of, replicate_rows, seed_prior_of
from bench.stats.estimates.seed_pairs import delta_by_seed, seed_differences
from bench.stats.noise.moderation import SeedPrior
from bench.stats.samples.sample import Scores
from bench.suite.tables.gate import GatePolicy, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCell:
    """One arm on one eval. delta: this run minus the stored one; `None` with the reason `why`."""

    arm: str
    measurand: str
    eval: str
    """Name of the suite's eval, which limits and waivers name."""
    tier: Tier
    margin: float
    higher_is_better: bool
    before: float | None
    after: float | None
    delta: Delta | None
    paired_seeds: bool
    equal: bool
    """Whether both runs have the same score on every example, seed by seed."""
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Scores of both runs over the same examples in the same order."""

    new: Scores
    old: Scores
    paired_seeds: bool

    @property
    def equal(self) -> bool:
        return self.paired_seeds and all(
            np.array_equal(getattr(self.new, name), getattr(self.old, name)) for name in ("values", "present")
        )

    @property
    def compared(self) -> tuple[Scores, ...]:
        """What has seed noise: both runs' scores or, where seeds are paired, their differences."""
        if not self.paired_seeds or self.new.values.shape[0] == 1:
            return self.new, self.old
        return (seed_differences(self.new, self.old),)

    def delta(self, prior: SeedPrior | None, *, seed: int, replicates: int) -> Delta:
        compare = paired_delta if len(self.compared) == 2 else delta_by_seed
        return compare(self.new, self.old, seed=seed, replicates=replicates, prior=prior)


def cells(
    now: Mapping[str, Aligned],
    before: Mapping[str, Aligned],
    policy: GatePolicy,
    *,
    same_seeds: Callable[[str], bool],
    seed: int,
    replicates: int,
) -> tuple[ComparedCell, ...]:
    """Every arm of the stored run, `base` included, on every eval that both were asked for and that is checked.

    same_seeds: whether both runs trained an arm with the same seeds.
    """
    checked = {
        name: (old, {arm: _sides(arm, now.get(name), old, same_seeds=same_seeds(arm)) for arm in old.arms})
        for name, old in before.items()
        if old.measurand.per_example and (old.measurand.role != "diagnostic" or old.measurand.eval in policy.eval)
    }
    return tuple(
        _cell(arm, name, old, sides, policy, prior=_prior(by_arm), seed=seed, replicates=replicates)
        for name, (old, by_arm) in checked.items()
        for arm, sides in by_arm.items()
    )


def _prior(by_arm: Mapping[str, _Sides | str]) -> SeedPrior | None:
    """What all arms of one eval say together about their seeds' noise."""
    return seed_prior_of(scores for sides in by_arm.values() if not isinstance(sides, str) for scores in sides.compared)


def _cell(
    arm: str,
    name: str,
    old: Aligned,
    sides: _Sides | str,
    policy: GatePolicy,
    *,
    prior: SeedPrior | None,
    seed: int,
    replicates: int,
) -> ComparedCell:
    why = sides if isinstance(sides, str) else None
    delta = None if isinstance(sides, str) else sides.delta(prior, seed=seed, replicates=replicates)
    before, after = (None, None) if isinstance(sides, str) else (_mean(sides.old), _mean(sides.new))
    return ComparedCell(
        arm=arm,
        measurand=name,
        eval=old.measurand.eval,
        tier=policy.tier_of(old.measurand.eval),
        margin=policy.accepted_loss(old.measurand.eval, before),
        higher_is_better=old.measurand.higher_is_better,
        before=before,
        after=after,
        delta=delta,
        paired_seeds=not isinstance(sides, str) and sides.paired_seeds,
        equal=not isinstance(sides, str) and sides.equal,
        why=why,
    )


def _sides(arm: str, new: Aligned | None, old: Aligned, *, same_seeds: bool) -> _Sides | str:
    """Both runs' scores, or why they cannot be compared."""
    if new is None:
        return "this run has no such eval"
    if arm not in new.arms:
        return "this run has no such arm"
    if dict(new.measurand.metrics) != dict(old.measurand.metrics):
        return "the eval's metrics differ"
    place = {example: index for index, example in enumerate(new.examples)}
    shared = [(place[example], index) for index, example in enumerate(old.examples) if example in place]
    if len(shared) < max(len(old.examples), len(new.examples)) or not shared:
        sizes = f"{len(old.examples):,} stored, {len(new.examples):,} in this run, {len(shared):,} in both"
        return f"the eval's examples differ: {sizes}"
    left = _ordered(new.arms[arm], [index for index, _ in shared])
    right = _ordered(old.arms[arm], range(len(old.examples)))
    if (left.binary, left.bounds) != (right.binary, right.bounds) or not np.array_equal(left.weights, right.weights):
        return "the eval weighs or scores its examples in another way"
    for scores, whose in ((left, "this"), (right, "the stored")):
        if not scores.present.any():
            return f"{whose} run has no score of it; its report says why"
    paired = left.values.shape == right.values.shape and (same_seeds or not left.trained)
    return _Sides(new=left, old=right, paired_seeds=paired)


def _mean(scores: Scores) -> float | None:
    """Value of an arm over examples, tasks with equal weight, and seeds; `None` where no example has all scores."""
    kept: BoolArray = np.logical_and.reduce(scores.present[scores.present.any(axis=1)], axis=0)
    if not kept.any():
        return None
    return float(replicate_rows(scores, kept).mean(axis=0) @ plan_of(scores, kept).share)


def _ordered(scores: Scores, order: Sequence[int]) -> Scores:
    """Scores with the examples in another order, and labels numbered by first appearance."""
    index = np.asarray(order, dtype=np.int64)
    return replace(
        scores,
        values=scores.values[:, index],
        present=scores.present[:, index],
        weights=scores.weights[index],
        clusters=None if scores.clusters is None else _renumbered(scores.clusters[index]),
        strata=None if scores.strata is None else _renumbered(scores.strata[index]),
    )


def _renumbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers: dict[int, int] = {}
    return np.asarray([numbers.setdefault(int(label), len(numbers)) for label in labels], dtype=np.int64)
