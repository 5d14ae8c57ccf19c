"""Where the seconds of the workers went.

Contract: pure functions of the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.record.record import Record
from bench.record.results.training.ledger import Seconds

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
    phased = (
        ("training", trained),
        ("answers to judge", answered),
        ("shares of evals", shared),
        ("evaluation", scored),
    )
    whole = (
        ("settings of sweeps", [s.job.seconds for s in record.sweeps if s.result is not None]),
        ("probes of speed", [p.job.seconds for p in record.probes if p.result is not None]),
        ("deployed forms", [d.job.seconds for d in record.deployments if d.result is not None]),
        ("scored steps", [t.job.seconds for t in record.trajectories if t.steps]),
    )
    timed = [_phases(kind, jobs) for kind, jobs in phased if jobs]
    return (*timed, *(_unphased(kind, seconds) for kind, seconds in whole if seconds))


def _unphased(kind: str, jobs: Sequence[float | None]) -> PhaseSeconds:
    """Jobs whose seconds nobody divides."""
    total = sum(seconds or 0.0 for seconds in jobs)
    return PhaseSeconds(
        kind=kind, jobs=len(jobs), phases={**dict.fromkeys(PHASES, 0.0), "other": total}, process=0.0, total=total
    )


def _phases(kind: str, jobs: list[tuple[float | None, Seconds]]) -> PhaseSeconds:
    phases = {phase: sum(float(getattr(spent, phase)) for _, spent in jobs) for phase in PHASES}
    work = sum(spent.wall for _, spent in jobs)
    whole = sum(spent.wall if seconds is None else max(seconds, spent.wall) for seconds, spent in jobs)
    return PhaseSeconds(kind=kind, jobs=len(jobs), phases=phases, process=whole - work, total=whole)
