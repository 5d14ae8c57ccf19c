"""Every paired difference of one report, computed once, all with the same seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self, TypeVar

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.stats.estimates.corpus import corpus_delta, corpus_seed_prior
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.seed_pairs import by_seed, pair_prior
from bench.stats.noise.moderation import LEAST_ARMS, LEAST_DEGREES, SeedPrior
from bench.stats.samples.sample import Scores

_PAIRS = " by seed"
_Kept = TypeVar("_Kept")


def _shared_rows(record: Record) -> tuple[tuple[str, ...], ...]:
    """Arms on the same data, where they are enough to say together how noisy their differences are (`seed_prior`);
    else none: two seeds' differences alone say less than the seeds of both sides."""
    suite = record.resolved.suite
    groups: dict[tuple[str, str], list[str]] = {}
    for arm in planned_arms(record):
        if suite.trains(arm):
            groups.setdefault((arm.base, arm.data), []).append(arm.name)
    shared = tuple(tuple(arms) for arms in groups.values() if len(arms) > 1)
    pairs = sum(len(arms) - 1 for arms in shared)
    return shared if pairs >= LEAST_ARMS and pairs * (len(suite.seeds) - 1) >= LEAST_DEGREES else ()


def _one_training(record: Record) -> tuple[tuple[str, ...], ...]:
    """Arms that are one training each seed: a trained arm and its deployed forms."""
    groups: dict[str, list[str]] = {}
    for arm in planned_arms(record):
        groups.setdefault(arm.trained, []).append(arm.name)
    return tuple(tuple(arms) for arms in groups.values() if len(arms) > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Differences between the arms of a run. The seed comes from its digest: a redrawn report is the same report."""

    seed: int
    replicates: int
    shared_rows: tuple[tuple[str, ...], ...] = ()
    """Groups of arms whose trainings of equal seeds share rows and their order."""
    one_training: tuple[tuple[str, ...], ...] = ()
    """Groups of arms that are the same trainings: an arm and the forms that it is deployed in."""
    forms: frozenset[str] = frozenset()
    """Deployed forms: their seeds say nothing of the noise of training that the trained arms' do not say already."""
    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Seeds of the arms of all groups, in the order of their scores."""
    _known: dict[tuple[str, str, str], Delta] = field(default_factory=dict, repr=False)
    _priors: dict[str, SeedPrior | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, record: Record, *, replicates: int) -> Self:
        """For one run; nothing is computed yet."""
        groups, same, suite = _shared_rows(record), _one_training(record), record.resolved.suite
        return cls(
            seed=int(record.digest[:8], 16),
            replicates=replicates,
            shared_rows=groups,
            one_training=same,
            forms=frozenset(arm.name for arm in planned_arms(record) if arm.deployed is not None),
            seeds={arm: suite.seeds_of(arm) for group in (*groups, *same) for arm in group},
        )

    def between(self, entry: Aligned, left: str, right: str) -> Delta:
        """left - right on one measurand; either is an arm or the base."""
        key = (entry.measurand.name, left, right)
        if key not in self._known:
            self._known[key] = self._corpus(entry, left, right) or self._of_scores(entry, left, right)
        return self._known[key]

    def paired_by_seed(self, left: str, right: str) -> bool:
        """Whether the n-th training of one arm is compared with the n-th of the other."""
        return _together(left, right, self.shared_rows) or _together(left, right, self.one_training)

    def _of_scores(self, entry: Aligned, left: str, right: str) -> Delta:
        delta_of = partial(paired_delta, seed=self.seed, replicates=self.replicates)
        defined = any(entry.arms[arm].defined is not None for arm in (left, right))
        if self.paired_by_seed(left, right) and not defined:
            first, second = self._both(entry, (left, right))
            prior = None if _together(left, right, self.one_training) else self._pair_prior(entry)
            return delta_of(first, second, prior=prior, pairing=by_seed)
        return delta_of(entry.arms[left], entry.arms[right], prior=self.seed_prior(entry))

    def _both(self, entry: Aligned, arms: Sequence[str]) -> list[Scores]:
        """Scores of the seeds that all of some arms have: an arm's own further seeds have no partner."""
        common = set.intersection(*(set(self.seeds[arm]) for arm in arms))
        rows = {arm: [row for row, seed in enumerate(self.seeds[arm]) if seed in common] for arm in arms}
        return [entry.arms[arm].part(rows[arm]) for arm in arms]

    def _pair_prior(self, entry: Aligned) -> SeedPrior | None:
        """What the arms that share rows say together about the noise of their differences."""
        name = entry.measurand.name + _PAIRS
        if name not in self._priors:
            self._priors[name] = pair_prior(self._both(entry, group) for group in self.shared_rows)
        return self._priors[name]

    def seed_prior(self, entry: Aligned) -> SeedPrior | None:
        """What the seeds of the measurand's arms say together; `None` for too few arms."""
        name = entry.measurand.name
        if name not in self._priors:
            whole = entry.measurand.per_example
            self._priors[name] = self.prior_of(entry.arms) if whole else corpus_seed_prior(self._trained(entry.counts))
        return self._priors[name]

    def prior_of(self, arms: Mapping[str, Scores]) -> SeedPrior | None:
        """What the seeds of arms say together by these scores, those of deployed forms left out."""
        return seed_prior_of(self._trained(arms))

    def _trained(self, by_arm: Mapping[str, _Kept]) -> list[_Kept]:
        """What is kept of all arms but the deployed forms."""
        return [kept for arm, kept in by_arm.items() if arm not in self.forms]

    def _corpus(self, entry: Aligned, left: str, right: str) -> Delta | None:
        """Difference of a corpus metric; `None` unless both sides keep its statistics."""
        if left not in entry.counts or right not in entry.counts:
            return None
        return corpus_delta(
            entry.counts[left],
            entry.counts[right],
            seed=self.seed,
            replicates=self.replicates,
            prior=self.seed_prior(entry),
        )

    def between_any(self, entry: Aligned, arm: str, other: str) -> tuple[tuple[str, str], Delta]:
        """The difference of two arms in whichever direction is known already, and that direction."""
        turned = (entry.measurand.name, other, arm) in self._known
        left, right = (other, arm) if turned else (arm, other)
        return (left, right), self.between(entry, left, right)


def _together(left: str, right: str, groups: Sequence[Sequence[str]]) -> bool:
    """Whether one group has both."""
    return any(left in group and right in group for group in groups)
