"""Before any work of a run: can this machine and these models do what the recipes ask for?

What needs no heavy library is looked at here (`machine_problems`); the rest (adapters' fields and modules, templates,
lengths, packing, every row through its template) by one child for all trainings together. What was found good is
remembered by digest and by the checks' own code.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.errors import InputError, collected
from bench.record.jobs.train_job import SweepJob, TrainJob
from bench.run.checks.machine import machine_problems
from bench.run.plan.refused import without
from bench.run.plan.types import Plan
from bench.run.process.payloads import CheckReply, CheckRequest
from bench.run.process.server import ChildServer
from bench.suite.tables.arms.arms import recipe_name


def preflight(planned: Plan, *, home: Path, server: ChildServer) -> Plan:
    """The plan without the trainings that their model cannot do: these are refused, and no other. Raises `InputError`
    with everything else that the trainings to do ask for and cannot have, or where nothing is left to train.
    """
    jobs = list(_trainings(planned))
    if not jobs:
        return planned
    problems = machine_problems(planned.resolved.suite)
    places = {f"{problem.where}." for problem in problems}
    able = [job for job in jobs if not any(place.startswith(f"recipe.{recipe_name(job.arm)}.") for place in places)]
    recipes = {_mark(home, job.digest): job for job in _one_of_each(able, _recipe_key)}
    rows = {_mark(home, f"{job.digest}-{job.data.odd_rows}-rows"): job for job in _one_of_each(jobs, _rows_key)}
    with collected(problems):
        planned = _without_refused(planned, jobs, recipes, rows, home=home, server=server)
    if problems:
        raise InputError(dict.fromkeys(problems))
    return planned


def _without_refused(
    planned: Plan,
    jobs: Sequence[TrainJob],
    recipes: Mapping[Path, TrainJob],
    rows: Mapping[Path, TrainJob],
    *,
    home: Path,
    server: ChildServer,
) -> Plan:
    """The plan without the trainings that a child refuses alone. recipes, rows: a job of each kind, by its mark.

    Raises `InputError` for all else that the child finds.
    """
    unchecked = [memo for memo in (*recipes, *rows) if not memo.exists()]
    if not unchecked:
        return planned
    request = CheckRequest(
        jobs=tuple(job for memo, job in recipes.items() if memo in unchecked),
        rows=tuple(job for memo, job in rows.items() if memo in unchecked),
    )
    reply = server.call("check", request, folder=home, log=home / "logs" / "check.txt")
    refused = {found.digest: found.problem for found in CheckReply.model_validate(reply or {}).refused}
    for memo in unchecked:
        if memo not in recipes or recipes[memo].digest not in refused:
            memo.parent.mkdir(parents=True, exist_ok=True)
            memo.touch()
    by_key = {_recipe_key(job): refused[job.digest] for job in recipes.values() if job.digest in refused}
    return without(planned, {job.digest: by_key[key] for job in jobs if (key := _recipe_key(job)) in by_key})


def _trainings(planned: Plan) -> Iterator[TrainJob]:
    """The trainings to do, those of sweeps included."""
    for planned_job in planned.can_run:
        job = planned_job.job.training if isinstance(planned_job.job, SweepJob) else planned_job.job
        if isinstance(job, TrainJob):
            yield job


def _one_of_each(jobs: Sequence[TrainJob], key: Callable[[TrainJob], Hashable]) -> list[TrainJob]:
    """The first job of each key."""
    return list({key(job): job for job in reversed(jobs)}.values())[::-1]


def _mark(home: Path, checked: str) -> Path:
    return home / "checked" / own_code(home).key(checked, "bench.train.planning.check")


def _recipe_key(job: TrainJob) -> Hashable:
    """What decides whether a recipe can be done: many rates are one check."""
    return digest_json([job.model.identity, job.recipe.model_dump(mode="json", exclude={"budget", "learning_rate"})])


def _rows_key(job: TrainJob) -> Hashable:
    """What decides how a row becomes text, and which turns of it are found again."""
    return digest_json(job.model.identity), job.data.sha256, job.data.odd_rows, job.recipe.loss_on
