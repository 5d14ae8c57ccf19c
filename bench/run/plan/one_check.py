"""Which eval of a subject computes some answers again alone: one is enough to see whether batches matter."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import Job
from bench.run.plan.types import PlannedJob
from bench.suite.catalog.answered_in_text import surely_writes
from bench.suite.resolved_suite import ResolvedSuite


def with_one_check(planned: Sequence[PlannedJob], resolved: ResolvedSuite) -> tuple[PlannedJob, ...]:
    """The jobs; of those that score, only the ones of the first eval with answers check their batches. Task files are
    not looked at where nothing is to do."""
    if not any(entry.to_do for entry in planned):
        return tuple(planned)
    checking = _checking(resolved)
    jobs = [_without_check(entry.job, checking) for entry in planned]
    return tuple(
        entry if job is entry.job else replace(entry, job=job) for entry, job in zip(planned, jobs, strict=True)
    )


def _checking(resolved: ResolvedSuite) -> str | None:
    """The first eval in which subjects write answers, else the first that may have them do so."""
    folders = {name: Path(folder) for name, folder in resolved.tasks_path.items()}
    sure = (spec.name for spec in resolved.suite.eval if surely_writes(spec, folders.get(spec.name)))
    first = next(sure, None)
    return first or next((spec.name for spec in resolved.suite.eval if spec.by_likelihood is None), None)


def _without_check(job: Job, checking: str | None) -> Job:
    if isinstance(job, AnswerJob):
        asking = _without_check(job.asking, checking)
        return job if asking is job.asking else job.model_copy(update={"asking": asking})
    other = isinstance(job, EvalJob) and job.judging is None and job.eval.name != checking
    return job.model_copy(update={"checks_batches": False}) if other else job
