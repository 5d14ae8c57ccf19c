"""Trainings that their model cannot do, forms that wait for a device or a library, and what needs them: refused before
any work, while the others go on."""

from collections.abc import Mapping
from dataclasses import replace

from bench.errors import InputError, Problem
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.run.plan.types import Plan, PlannedJob


def without(plan: Plan, refused: Mapping[str, Problem]) -> Plan:
    """The plan in which the trainings or deployed forms of these digests cannot run, nor what needs them.

    Raises `InputError` with the refusals where nothing is left to do, and no arm has a result already.
    """
    if not refused:
        return plan
    reasons: dict[str, Problem] = {}
    jobs = []
    for planned in plan.jobs:  # each comes after those that it needs
        why = refused.get(_refusable(planned)) or next(
            (reasons[need] for need in planned.after if need in reasons), None
        )
        if why is not None and planned.to_do:
            reasons[planned.digest] = why
            planned = replace(planned, refusal=why)
        jobs.append(planned)
    arms = [planned for planned in jobs if planned.selected and planned.arm is not None]
    if all(planned.stuck for planned in arms):
        raise InputError(dict.fromkeys(refused.values()))
    return replace(plan, jobs=tuple(jobs))


def notes(plan: Plan) -> tuple[str, ...]:
    """One line per refusal: how many jobs of this run it concerns, and the next step."""
    counted: dict[Problem, int] = {}
    for planned in plan.to_do:
        if planned.refusal is not None:
            counted[planned.refusal] = counted.get(planned.refusal, 0) + 1
    return tuple(
        f"refused: {problem.where}: {problem.what}; {count} {'job' if count == 1 else 'jobs'} cannot run, and no other "
        f"is affected ({problem.hint})"
        for problem, count in counted.items()
    )


def _refusable(planned: PlannedJob) -> str:
    """Digest of the training that a job does, in whole or in part, or of the form that it writes; of any other job
    none."""
    job = planned.job.training if isinstance(planned.job, SweepJob | ProbeJob) else planned.job
    return job.digest if isinstance(job, TrainJob | DeployJob) else ""
