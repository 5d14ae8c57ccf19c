"""Where the seconds of the workers went.

Contract: pure functions of the record.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.record.record import Record
from bench.record.results.ledger import Seconds

PHASES = ("start_up", "data", "compute", "optimizer", "evaluation", "saving", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSeconds:
    """Seconds of one kind of job, summed over all of them, by phase; `process` is what starting the child took."""

    kind: str
    jobs: int
    phases: dict[str, float]
    process: float
    total: float


def seconds_by_phase(record: Record) -> tuple[PhaseSeconds, ...]:
    """Where the workers' time went. Reused jobs count with the seconds that they once took."""
    trained = [(t.job.seconds, t.result.ledger.seconds) for t in record.trainings if t.result is not None]
    scored = [(e.job.seconds, e.result.seconds) for e in record.evaluations if e.result is not None]
    answered = [(a.job.seconds, a.result.seconds) for a in record.answers if a.result is not None]
    shared = [(s.job.seconds, s.result.seconds) for s in record.shares if s.result is not None]
    kinds = (("training", trained), ("answers to judge", answered), ("shares of evals", shared), ("evaluation", scored))
    return tuple(_phases(kind, jobs) for kind, jobs in kinds if jobs)


def _phases(kind: str, jobs: list[tuple[float | None, Seconds]]) -> PhaseSeconds:
    phases = {phase: sum(float(getattr(spent, phase)) for _, spent in jobs) for phase in PHASES}
    work = sum(spent.wall for _, spent in jobs)
    whole = sum(spent.wall if seconds is None else max(seconds, spent.wall) for seconds, spent in jobs)
    return PhaseSeconds(kind=kind, jobs=len(jobs), phases=phases, process=whole - work, total=whole)
