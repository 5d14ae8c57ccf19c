"""Jobs that failed or never ran: what they were, and why. A failed job is data; nothing is dropped from a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bench.record.record import JobRecord, Record
from bench.suite.arm_patterns import matching
from bench.suite.tables.arms.arms import is_base


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A job that has no result, or none that counts: a training that diverged keeps its losses for the plots."""

    job: str
    subject: str
    eval: str | None
    """`None` for a training, a probe or a deployed form."""
    status: Literal["failed", "pending"]
    kind: str
    """A `FailureKind`, `pending`, or `left_out`."""
    message: str
    log: str | None


def absences_of(record: Record) -> tuple[Absence, ...]:
    """Every job that failed or has no result, in the order of the record."""
    jobs: list[tuple[JobRecord, str, str | None]] = [
        *((s.job, s.arm, None) for s in record.sweeps if s.result is None),
        *((t.job, f"{t.arm}#{t.seed}", None) for t in record.trainings if t.result is None or t.job.failure),
        *((p.job, p.arm, None) for p in record.probes if p.result is None),
        *((d.job, f"{d.arm}#{d.seed}", None) for d in record.deployments if d.result is None),
        *((t.job, t.subject, f"{t.eval}@dev") for t in record.trajectories if not t.steps),
        *((a.job, a.subject, a.eval) for a in record.answers if a.result is None),
        *((s.job, s.subject, s.eval) for s in record.shares if s.result is None),
        *((e.job, e.subject, e.eval) for e in record.evaluations if e.result is None),
    ]
    patterns = _asked(record.command)
    unfinished = "this run ended before it" if record.finished else "the run is going on, or was killed"
    return tuple(_absence(*job, patterns, unfinished=unfinished) for job in jobs)


def _asked(command: Sequence[str]) -> frozenset[str]:
    """The arms, or patterns of arms, that `--only` named; none: all were asked for."""
    apart = {value for word, value in pairwise(command) if word == "--only"}
    return frozenset(apart | {word.removeprefix("--only=") for word in command if word.startswith("--only=")})


def _absence(
    job: JobRecord, subject: str, evaluation: str | None, patterns: frozenset[str], *, unfinished: str
) -> Absence:
    failed = job.failure is not None
    arm = subject.partition("#")[0]
    left_out = bool(patterns) and not is_base(arm) and not any(matching(pattern, [arm]) for pattern in patterns)
    never = ("left_out", "`--only` left it out") if left_out else ("pending", unfinished)
    return Absence(
        job=job.id,
        subject=subject,
        eval=evaluation,
        status="failed" if failed else "pending",
        kind=job.failure.kind if job.failure is not None else never[0],
        message=job.failure.message if job.failure is not None else never[1],
        log=job.log,
    )
