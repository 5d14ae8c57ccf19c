"""Every paired difference of one report, computed once, all with the same seed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.stats.estimates.corpus import corpus_delta, corpus_seed_prior
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.noise.moderation import SeedPrior


@dataclass(frozen=True, slots=True, kw_only=True)
class Deltas:
    """Differences between the arms of a run. The seed comes from its digest: a redrawn report is the same report."""

    seed: int
    replicates: int
    _known: dict[tuple[str, str, str], Delta] = field(default_factory=dict, repr=False)
    _priors: dict[str, SeedPrior | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, record: Record, *, replicates: int) -> Deltas:
        """For one run; nothing is computed yet."""
        return cls(seed=int(record.digest[:8], 16), replicates=replicates)

    def between(self, entry: Aligned, left: str, right: str) -> Delta:
        """left - right on one measurand; either is an arm or the base."""
        key = (entry.measurand.name, left, right)
        if key not in self._known:
            self._known[key] = self._corpus(entry, left, right) or paired_delta(
                entry.arms[left],
                entry.arms[right],
                seed=self.seed,
                replicates=self.replicates,
                prior=self.seed_prior(entry),
            )
        return self._known[key]

    def seed_prior(self, entry: Aligned) -> SeedPrior | None:
        """What the seeds of the measurand's arms say together; `None` for too few arms."""
        name = entry.measurand.name
        if name not in self._priors:
            whole = entry.measurand.per_example
            self._priors[name] = (
                seed_prior_of(entry.arms.values()) if whole else corpus_seed_prior(entry.counts.values())
            )
        return self._priors[name]

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
