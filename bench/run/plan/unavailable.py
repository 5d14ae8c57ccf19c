"""Jobs that cannot run because an input is unavailable.

Contract: they fail with the reason that the input gives; all other jobs have the digests that they would have anyway.
"""

from collections.abc import Iterator

from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.plan.types import Plan
from bench.run.resolve.unavailable import by_source, plainest, refuse
from bench.suite.resolved import Unavailable


def missing_input(job: Job) -> Unavailable | None:
    """The first of the inputs that `job` reads itself which is unavailable."""
    return next((why for why in _inputs(job) if why is not None), None)


def _inputs(job: Job | TrainJob) -> Iterator[Unavailable | None]:
    match job:
        case TrainJob():
            yield from (job.model.unavailable, job.data.unavailable)
        case SweepJob():
            yield from _inputs(job.training)
            yield job.dev.unavailable
        case ProbeJob():
            yield from _inputs(job.training)
        case DeployJob():
            yield job.model.unavailable
        case AnswerJob() | ShareJob():
            yield from _inputs(job.asking)
        case TrajectoryJob():
            yield from _inputs(job.scoring)
        case EvalJob():
            yield job.model.unavailable
            yield None if job.data is None else job.data.unavailable
            yield None if job.shots is None else job.shots.data.unavailable
            if job.judging is not None:
                judge, stored = job.judging.judge.model, job.judging.stored
                yield None if judge is None else judge.unavailable
                yield None if stored is None else stored.unavailable


def refuse_idle(plan: Plan) -> None:
    """Raises `InputError` with every unavailable input where they leave nothing to run, and nothing that was run."""
    selected = [planned for planned in plan.jobs if planned.selected]
    if all(planned.unavailable is not None for planned in selected):
        refuse([planned.unavailable for planned in selected] + [why for job in selected for why in _inputs(job.job)])


def notes(plan: Plan) -> tuple[str, ...]:
    """One line per unavailable source: how many jobs of this run wait for it."""
    stuck = [planned.unavailable for planned in plan.to_do if planned.unavailable is not None]
    return tuple(
        f"unavailable: {plainest(reasons).what}; {len(reasons)} {'job' if len(reasons) == 1 else 'jobs'} cannot run; "
        "the next bench run tries again"
        for reasons in by_source(stuck)
    )
