"""All checks before work, with every problem in one message: of inputs, of arms asked for, of trainings, of evals."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.errors import BenchError, InputError, Problem, collected
from bench.record.jobs.train_job import TrainJob
from bench.run.checks.check_given import check_given
from bench.run.checks.claim_margins import check_margins
from bench.run.checks.counts import begin_counts, exact_counts
from bench.run.checks.deployed_forms import without_waiting_forms
from bench.run.checks.endpoint_keys import check_keys
from bench.run.checks.preflight import Preflight
from bench.run.checks.rehearsal import begin_rehearsal, rehearse
from bench.run.checks.remarks import plan_remarks
from bench.run.plan.engine_notes import engine_notes
from bench.run.plan.plan import plan
from bench.run.plan.refused import notes as refusal_notes
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.suite.arm_patterns import unknown_arms
from bench.suite.load import LoadedSuite
from bench.suite.tables.arms.arms import recipe_name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPlan:
    """A plan that passed."""

    plan: Plan
    """With the trainings that are refused alone, and what needs them."""
    unavailable: Mapping[str, str]
    """Evals whose rows the hub does not give today, each with what it says."""


def checked_plan(
    loaded: LoadedSuite,
    *,
    only: Sequence[str] = (),
    home: Path,
    server: ChildServer,
    fresh: bool = False,
    trust_task_code: bool = False,
    go_on: bool = False,
    here: bool = True,
    found: Iterable[Problem] = (),
    note: Callable[[str], None] = lambda _: None,
) -> CheckedPlan:
    """The plan of `loaded`. Raises `InputError` with all that would fail a training or an eval: what `bench plan`
    refuses, and `bench run`; what is wrong with one input hides nothing of the others.

    Evals whose rows are unavailable today, and trainings that are refused alone, are noted. `go_on`: problems of evals
    are noted too, and the run is left to record what becomes of them. `here`: the trainings are this machine's, and
    checked; `found`: problems that are known, which come first.
    """
    problems = [*found, *unknown_arms(loaded.suite.arm_names, only)]
    resolved = resolve(loaded, home=home, server=server, partial=True, problems=problems)
    try:
        planned = plan(resolved, only=only, home=home, fresh=fresh, trust_task_code=trust_task_code)
    except InputError:  # nothing is left to run
        if problems:
            raise InputError(dict.fromkeys(problems)) from None
        raise
    checked = CheckedPlan(plan=planned, unavailable={})
    if here:
        try:
            checked = _checked(planned, problems, home=home, server=server, go_on=go_on, note=note)
        finally:
            server.stop_begun()
    if problems:
        raise InputError(dict.fromkeys(problems))
    for line in (*(f"warning: {what}" for what in checked.unavailable.values()), *_notes(checked.plan)):
        note(line)
    return checked


def _checked(
    planned: Plan,
    problems: list[Problem],
    *,
    home: Path,
    server: ChildServer,
    go_on: bool,
    note: Callable[[str], None],
) -> CheckedPlan:
    """The plan without the trainings that are refused alone; all else that is wrong goes to `problems`."""
    unavailable: dict[str, str] = {}
    with collected(problems):
        planned = without_waiting_forms(planned)
    preflight = Preflight.of(planned, home=home)
    _begin(preflight, problems, server=server)
    with collected(problems):
        planned = preflight.finish(server)
    with collected(problems):
        _count(planned, problems, home=home, server=server, note=note)
    with collected(problems):
        check_margins(planned, home=home, server=server)
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
    return CheckedPlan(plan=planned, unavailable=unavailable)


def _begin(preflight: Preflight, problems: Sequence[Problem], *, server: ChildServer) -> None:
    """Have all asked at once that the checks ask one after another where nothing is wrong; where something is, what is
    asked for after it may differ, and is then asked anew."""
    planned, home = preflight.planned, preflight.home
    preflight.begin(server)
    trainings = _counted(planned, [*problems, *preflight.problems])
    begin_counts(trainings, workers=planned.workers, home=home, server=server)
    begin_rehearsal(planned, home=home, server=server)


def _notes(planned: Plan) -> tuple[str, ...]:
    return (*engine_notes(planned), *refusal_notes(planned))


def _count(
    planned: Plan, problems: Sequence[Problem], *, home: Path, server: ChildServer, note: Callable[[str], None]
) -> None:
    """Schedule a training of each arm that is to be trained, and note what hardly anybody wants of it. Raises
    `InputError` where it has nothing to learn. Recipes that have `problems` are not counted.

    A count that breaks down is noted: its training will show why, and the others go on.
    """
    trainings = _counted(planned, problems)
    try:
        counts = exact_counts(trainings, workers=planned.workers, home=home, server=server)
        for line in plan_remarks(planned, trainings, counts) if trainings and not problems else ():
            note(line)
    except InputError:
        raise
    except BenchError as error:
        note(f"warning: {error}")


def _counted(planned: Plan, problems: Iterable[Problem]) -> dict[str, TrainJob]:
    """A training of each arm whose recipe has no problem."""
    refused = {(problem.where or "").partition("recipe.")[2].partition(".")[0] for problem in problems}
    jobs = [job for planned_job in planned.can_run if isinstance(job := planned_job.job, TrainJob)]
    return {job.arm: job for job in reversed(jobs) if recipe_name(job.arm) not in refused}
