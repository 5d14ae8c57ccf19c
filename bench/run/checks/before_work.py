"""All checks between plan and work, with every problem in one message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, InputError, Problem, collected
from bench.record.jobs.train_job import TrainJob
from bench.run.checks.counts import exact_counts
from bench.run.checks.deployed_forms import without_waiting_forms
from bench.run.checks.endpoint_keys import check_keys
from bench.run.checks.given_weights import check_given
from bench.run.checks.preflight import preflight
from bench.run.checks.rehearsal import rehearse
from bench.run.checks.remarks import plan_remarks
from bench.run.plan.engine_notes import engine_notes
from bench.run.plan.refused import notes as refusal_notes
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPlan:
    """A plan that passed."""

    plan: Plan
    """With the trainings that are refused alone, and what needs them."""
    unavailable: Mapping[str, str]
    """Evals whose rows the hub does not give today, each with what it says."""


def check_before_work(
    planned: Plan, *, home: Path, server: ChildServer, go_on: bool = False, note: Callable[[str], None] = lambda _: None
) -> CheckedPlan:
    """Raises `InputError` with all that would fail a training or an eval: what `bench plan` refuses, and `bench run`.

    Evals whose rows are unavailable today, and trainings that are refused alone, are noted. `go_on`: problems of evals
    are noted too, and the run is left to record what becomes of them.
    """
    problems: list[Problem] = []
    unavailable: dict[str, str] = {}
    with collected(problems):
        planned = preflight(without_waiting_forms(planned), home=home, server=server)
        _count(planned, home=home, server=server, note=note)
    with collected(problems):
        check_keys(planned)
    with collected(problems):
        check_given(planned.resolved, home=home, server=server)
    try:
        unavailable = rehearse(planned, home=home, server=server)
    except InputError as error:
        for problem in error.problems if go_on else ():
            note(f"warning: {problem.where or 'eval'}: {problem.what}")
        problems += () if go_on else error.problems
    if problems:
        raise InputError(problems)
    for what in unavailable.values():
        note(f"warning: {what}")
    for line in engine_notes(planned):
        note(line)
    for line in refusal_notes(planned):
        note(line)
    return CheckedPlan(plan=planned, unavailable=unavailable)


def _count(planned: Plan, *, home: Path, server: ChildServer, note: Callable[[str], None]) -> None:
    """Schedule a training of each arm that is to be trained, and note what hardly anybody wants of it. Raises
    `InputError` where it has nothing to learn.

    A count that breaks down is noted: its training will show why, and the others go on.
    """
    jobs = [planned_job.job for planned_job in planned.can_run]
    trainings = {job.arm: job for job in reversed(jobs) if isinstance(job, TrainJob)}
    try:
        counts = exact_counts(trainings, workers=planned.workers, home=home, server=server)
        for line in plan_remarks(planned, trainings, counts) if trainings else ():
            note(line)
    except InputError:
        raise
    except BenchError as error:
        note(f"warning: {error}")
