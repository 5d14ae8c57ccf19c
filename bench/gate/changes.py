"""What a run's scores are compared with in a stored run: one cell for each arm and eval, paired by example and seed.

Contract: pure. Trainings of the same seed take the same rows in the same order, so where both runs have the same seeds
their difference is taken seed by seed, which is declared by the design and not chosen by a look at the scores.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.measurand import Measurand
from bench.stats.arrays import BoolArray, FloatArray, IntArray
from bench.stats.estimates.corpus import corpus_delta, corpus_seed_prior
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import by_example, paired_delta
from bench.stats.estimates.replicates import plan_of, replicate_rows, seed_prior_of
from bench.stats.estimates.seed_pairs import by_seed, seed_differences
from bench.stats.noise.moderation import SeedPrior
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import Scores
from bench.suite.tables.conclusions.gate import GatePolicy, Tier


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
    room: float | None
    """Largest loss from the stored score that the scale has; `None` where that is unknown."""
    before: float | None
    after: float | None
    delta: Delta | None
    paired_seeds: bool
    same: bool
    """Whether nothing changed: both runs took the scores from the same jobs, or have the same score on every example,
    seed by seed. Scores that are all wrong, or all right, are no sign of that: a loss would not show in them."""
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Scores of both runs over the same examples in the same order."""

    why: ClassVar[None] = None
    new: Scores
    old: Scores
    paired_seeds: bool

    def unchanged(self, *, same_jobs: bool) -> bool:
        """Whether every score is the same, and no accident: of the same jobs, or with scores that differ."""
        return _equal(self.new, self.old) and (same_jobs or (self.paired_seeds and _vary(self.old)))

    @property
    def compared(self) -> tuple[Scores, ...]:
        """What has seed noise: both runs' scores or, where seeds are paired, their differences."""
        if not self.paired_seeds or self.new.values.shape[0] == 1:
            return self.new, self.old
        return (seed_differences(self.new, self.old),)

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Values of the stored run and of this one."""
        return _mean(self.old), _mean(self.new)

    def delta(self, prior: SeedPrior | None, *, seed: int, replicates: int) -> Delta:
        pairing = by_example if len(self.compared) == 2 else by_seed
        return paired_delta(self.new, self.old, seed=seed, replicates=replicates, prior=prior, pairing=pairing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CorpusSides:
    """Statistics of a corpus metric of both runs over the same examples; seeds count as independent."""

    why: ClassVar[None] = None
    paired_seeds: ClassVar[bool] = False
    new: CorpusScores
    old: CorpusScores

    def unchanged(self, *, same_jobs: bool) -> bool:
        """Whether every statistic is the same, and no accident: as for scores."""
        return _equal(self.new, self.old) and (same_jobs or _vary(self.old))

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Values of the stored run and of this one."""
        delta = corpus_delta(self.new, self.old, seed=0, replicates=1)
        return (None, None) if delta is None else (delta.reference_mean, delta.arm_mean)

    def delta(self, prior: SeedPrior | None, *, seed: int, replicates: int) -> Delta | None:
        return corpus_delta(self.new, self.old, seed=seed, replicates=replicates, prior=prior)


@dataclass(frozen=True, slots=True)
class _Apart:
    """Scores of both runs that cannot be compared, with the reason."""

    why: str
    paired_seeds: ClassVar[bool] = False
    means: ClassVar[tuple[None, None]] = (None, None)

    def unchanged(self, *, same_jobs: bool) -> bool:
        """Nothing shows it."""
        return False

    def delta(self, prior: SeedPrior | None, *, seed: int, replicates: int) -> None:
        """There is none."""


_Compared: TypeAlias = _Sides | _CorpusSides | _Apart


def cells(
    now: Mapping[str, Aligned],
    before: Mapping[str, Aligned],
    policy: GatePolicy,
    *,
    same_seeds: Callable[[str], bool],
    same_jobs: Callable[[str, str], bool],
    seed: int,
    replicates: int,
) -> tuple[ComparedCell, ...]:
    """Every arm of the stored run, `base` included, on every eval that both were asked for and that is checked.

    same_seeds: whether both runs trained an arm with the same seeds. same_jobs: whether they took an arm's scores on an
    eval from the same jobs.
    """
    checked = {
        name: (old, {arm: _sides(arm, now.get(name), old, same_seeds=same_seeds(arm)) for arm in old.arms})
        for name, old in before.items()
        if old.measurand.role != "diagnostic" or old.measurand.eval in policy.eval
    }
    return tuple(
        _cell(
            (name, arm),
            old,
            sides,
            policy,
            delta=sides.delta(_prior(by_arm), seed=seed, replicates=replicates),
            same=same_jobs(arm, old.measurand.eval),
        )
        for name, (old, by_arm) in checked.items()
        for arm, sides in by_arm.items()
    )


def _prior(by_arm: Mapping[str, _Compared]) -> SeedPrior | None:
    """What all arms of one eval say together about their seeds' noise."""
    corpus = [side for sides in by_arm.values() if isinstance(sides, _CorpusSides) for side in (sides.new, sides.old)]
    if corpus:
        return corpus_seed_prior(corpus)
    return seed_prior_of(scores for sides in by_arm.values() if isinstance(sides, _Sides) for scores in sides.compared)


def _cell(
    place: tuple[str, str], old: Aligned, sides: _Compared, policy: GatePolicy, *, delta: Delta | None, same: bool
) -> ComparedCell:
    """The cell of a measurand and an arm. same: whether both runs took the scores from the same jobs."""
    before, after = sides.means
    return ComparedCell(
        arm=place[1],
        measurand=place[0],
        eval=old.measurand.eval,
        tier=policy.tier_of(old.measurand.eval),
        margin=policy.accepted_loss(old.measurand.eval, before),
        higher_is_better=old.measurand.higher_is_better,
        room=_room(old.measurand, before),
        before=before,
        after=after,
        delta=delta,
        paired_seeds=sides.paired_seeds,
        same=sides.unchanged(same_jobs=same),
        why=sides.why,
    )


def _room(measurand: Measurand, before: float | None) -> float | None:
    if measurand.bounds is None or before is None:
        return None
    return before - measurand.bounds[0] if measurand.higher_is_better else measurand.bounds[1] - before


def _vary(scores: Scores | CorpusScores) -> bool:
    seen = scores.values[scores.present]
    return seen.size > 0 and bool((seen != seen[0]).any())


def _equal(new: Scores | CorpusScores, old: Scores | CorpusScores) -> bool:
    return np.array_equal(new.values, old.values) and np.array_equal(new.present, old.present)


def _sides(arm: str, new: Aligned | None, old: Aligned, *, same_seeds: bool) -> _Compared:
    if new is None:
        return _Apart("this run has no such eval")
    if arm not in new.arms:
        return _Apart("this run has no such arm")
    if dict(new.measurand.metrics) != dict(old.measurand.metrics):
        return _Apart("the eval's metrics differ")
    place = {example: index for index, example in enumerate(new.examples)}
    shared = [(place[example], index) for index, example in enumerate(old.examples) if example in place]
    if len(shared) < max(len(old.examples), len(new.examples)) or not shared:
        sizes = f"{len(old.examples):,} stored, {len(new.examples):,} in this run, {len(shared):,} in both"
        return _Apart(f"the eval's examples differ: {sizes}")
    order = [index for index, _ in shared]
    if not old.measurand.per_example:
        return _corpus_sides(arm, new, old, order)
    left, right = _on_one_scale(_ordered(new.arms[arm], order), _ordered(old.arms[arm], range(len(old.examples))))
    if (left.binary, left.bounds) != (right.binary, right.bounds) or not np.array_equal(left.weights, right.weights):
        return _Apart("the eval weighs or scores its examples in another way")
    for scores, whose in ((left, "this"), (right, "the stored")):
        if not scores.present.any():
            return _Apart(f"{whose} run has no score of it; its report says why")
    paired = left.values.shape == right.values.shape and (same_seeds or not left.trained)
    return _Sides(new=left, old=right, paired_seeds=paired)


def _corpus_sides(arm: str, new: Aligned, old: Aligned, order: Sequence[int]) -> _CorpusSides | _Apart:
    """Both runs' statistics. order: of this run's examples, as the stored ones are."""
    if arm not in new.counts or arm not in old.counts:
        return _Apart("its corpus metric keeps nothing of the examples that could be compared")
    stored = old.counts[arm]
    return _CorpusSides(
        new=_like(
            stored, new.counts[arm].values[:, order], new.counts[arm].present[:, order], draws=new.counts[arm].draws
        ),
        old=_like(stored, stored.values, stored.present, draws=stored.draws),
    )


def _like(stored: CorpusScores, values: FloatArray, present: BoolArray, *, draws: IntArray | None) -> CorpusScores:
    """Statistics over the examples of the stored run, with labels numbered by first appearance."""
    return replace(
        stored,
        values=values,
        present=present,
        draws=draws,
        clusters=None if stored.clusters is None else _renumbered(stored.clusters),
        strata=None if stored.strata is None else _renumbered(stored.strata),
        pools=None if stored.pools is None else _renumbered(stored.pools),
    )


def _on_one_scale(left: Scores, right: Scores) -> tuple[Scores, Scores]:
    """The scores with the wider scale of the two: what is a share or a percentage, one run alone may not show."""
    if left.bounds is None or right.bounds is None or left.bounds == right.bounds:
        return left, right
    wider = max(left.bounds, right.bounds, key=lambda ends: ends[1] - ends[0])
    return replace(left, bounds=wider), replace(right, bounds=wider)


def _mean(scores: Scores) -> float | None:
    """Value of an arm over examples, tasks with equal weight, and seeds; `None` where no example has all scores."""
    kept: BoolArray = np.logical_and.reduce(scores.present[scores.present.any(axis=1)], axis=0)
    if not kept.any():
        return None
    return float(plan_of(scores, kept).mean(replicate_rows(scores, kept).mean(axis=0)))


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
