"""Before any work of a run: can this machine and these models do what the recipes ask for?

What needs no heavy library is looked at here (`machine_problems`); the rest (adapters' fields and modules, templates,
lengths, packing) by one child for all trainings together. What was found good is remembered by digest.
"""

from __future__ import annotations

from pathlib import Path

from bench.record.train_job import SweepJob, TrainJob
from bench.run.checks.machine import check_machine
from bench.run.plan.types import Plan
from bench.run.process.payloads import CheckRequest
from bench.run.process.server import ChildServer


def preflight(planned: Plan, *, home: Path, server: ChildServer) -> None:
    """Raise `InputError` with everything that the trainings to do ask for and cannot have."""
    jobs = _one_of_each(planned)
    if not jobs:
        return
    check_machine(planned.resolved.suite)
    unchecked = [job for job in jobs if not _seen(home, job).exists()]
    if not unchecked:
        return
    server.call("check", CheckRequest(jobs=tuple(unchecked)), folder=home, log=home / "logs" / "check.txt")
    for job in unchecked:
        seen = _seen(home, job)
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.touch()


def _one_of_each(planned: Plan) -> list[TrainJob]:
    """One training to do of each recipe on each model."""
    by_recipe: dict[tuple[str, str], TrainJob] = {}
    for planned_job in planned.can_run:
        job = planned_job.job.training if isinstance(planned_job.job, SweepJob) else planned_job.job
        if isinstance(job, TrainJob):
            by_recipe.setdefault((job.model.sha256, job.recipe.model_dump_json(exclude={"budget"})), job)
    return list(by_recipe.values())


def _seen(home: Path, job: TrainJob) -> Path:
    return home / "checked" / job.digest
