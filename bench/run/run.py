"""`bench run`: resolve → plan → execute → record. What is done stays done, however the run ends."""

import dataclasses
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.atomic import write_errors_as_problems, write_text
from bench.errors import Problem, attempted
from bench.record.labels import EvalLabels, read_labels
from bench.record.look import Look, looks_beside, question_of
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.checks.before_work import CheckedPlan, checked_plan
from bench.run.checks.trusted_commands import check_trusted
from bench.run.checks.warnings import advice, as_line
from bench.run.display import Display
from bench.run.estimate.allowances import job_allowances
from bench.run.estimate.disk import check_space
from bench.run.estimate.memory.limit import memory_remarks_of_run
from bench.run.execution import Execution
from bench.run.executors.allowance import Allowance
from bench.run.executors.executor import Executor
from bench.run.guards import exclusive, hosting_nodes, server_ended_on_error, signals_interrupt
from bench.run.hints import hint_file
from bench.run.plan.types import Plan
from bench.run.plan.unavailable import notes as unavailable_notes
from bench.run.process.server import ChildServer
from bench.run.recording.heading import heading_now
from bench.run.resolve.precision import precision_notes
from bench.run.takeover import take_over
from bench.suite.load import LoadedSuite


def run_suite(
    loaded: LoadedSuite,
    *,
    only: Sequence[str] = (),
    fresh: bool = False,
    trust_task_code: bool = False,
    go_on: bool = False,
    home: Path,
    reports: Path,
    temporary: bool = False,
    display: Display,
    server: ChildServer | None = None,
    executor: Executor | None = None,
    command: Sequence[str] | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> RunDirectory:
    """Run what is not done yet and write the record. Failed jobs are in the record, not raised.

    `only`: arms to run (all, if empty); `temporary`: the run directory is read by the caller alone, and not shown;
    `fresh`: reuse nothing for the jobs asked for; `command`: as typed, default this process's arguments; `executor`: of
    the jobs, default this machine; `meanwhile`: what the caller has a thread do while the last evals run; `go_on`:
    train although an eval failed its rehearsal, or cannot tell anything by the base's scores. Raises `InputError`
    before any work, `IncompleteError` before the first training, `InterruptedRunError` after SIGINT or SIGTERM.
    """
    began, (labels, found) = time.monotonic(), _read_beside(loaded)
    server = dataclasses.replace(server or ChildServer(), tick=display.tick)
    hint = hint_file("finished", loaded, only, home)
    with (
        write_errors_as_problems(f"{home} or {reports}"), signals_interrupt(), server_ended_on_error(server),
        hosting_nodes(home),
    ):  # fmt: skip
        if fresh or not hint.exists():
            server.warm()  # its imports overlap with resolving
        checked = checked_plan(
            loaded, only=only, home=home, server=server, fresh=fresh, trust_task_code=trust_task_code, go_on=go_on,
            found=found, note=display.note,
        )  # fmt: skip
        check_space(checked.plan, home=home)
        _announce(checked.plan, loaded, display, memory_remarks_of_run(checked.plan, home=home, server=server))
        allowances = {} if executor is None else job_allowances(checked.plan, home=home, server=server)
        execution = _execution(
            checked, loaded, home=home, reports=reports, command=command, began=began, go_on=go_on, executor=executor,
            allowances=allowances, labels=labels, meanwhile=meanwhile,
        )  # fmt: skip
        with exclusive(execution.directory, display):
            _enter(execution.directory, checked.plan, display, shown=not temporary)
            execution.execute(server, display)
        if not execution.failed:
            write_text(hint, "")
        return execution.directory


def _read_beside(loaded: LoadedSuite) -> tuple[tuple[EvalLabels, ...], list[Problem]]:
    """People's labels, and all that is wrong with what a plan does not look at."""
    found: list[Problem] = []
    attempted(found, lambda: check_trusted(loaded))
    return attempted(found, lambda: _labels(loaded)) or (), found


def _announce(planned: Plan, loaded: LoadedSuite, display: Display, remarks: Iterable[str]) -> None:
    """Show the plan, with what deserves a warning, `remarks` among it, and what is unavailable."""
    for line in (*map(as_line, advice(loaded)), *remarks) if planned.to_do else ():
        display.note(line)
    display.plan(planned)
    for line in (*precision_notes(planned.resolved), *unavailable_notes(planned)):
        display.note(line)


def _execution(
    checked: CheckedPlan,
    loaded: LoadedSuite,
    *,
    home: Path,
    reports: Path,
    command: Sequence[str] | None,
    began: float,
    go_on: bool,
    executor: Executor | None,
    allowances: Mapping[str, Allowance],
    labels: tuple[EvalLabels, ...],
    meanwhile: Callable[[], object],
) -> Execution:
    """What carries the plan out in the run's directory, with the heading, earlier looks and labels of its record."""
    planned, suite = checked.plan, loaded.suite
    directory = RunDirectory.at(reports, suite=suite.name, profile=loaded.profile, digest=planned.digest)
    typed = tuple(command or ("bench", *sys.argv[1:]))
    return Execution(
        plan=planned,
        store=JobStore(home=home),
        directory=directory,
        heading=heading_now(planned, command=typed, suite_toml_sha256=loaded.sha256),
        began=began,
        go_on=go_on,
        executor=executor,
        allowances=allowances,
        unavailable=checked.unavailable,
        looks=_earlier_looks(planned, directory),
        labels=labels,
        meanwhile=meanwhile,
    )


def _enter(directory: RunDirectory, planned: Plan, display: Display, *, shown: bool) -> None:
    """Take over the folder of the run that this one continues, if there is one, and say where results appear."""
    if (name := take_over(directory, planned)) is not None:
        display.note(f"{name} continues as {directory.path.name}: what was unavailable is available")
    if planned.can_run and shown:
        display.note(f"results so far, at any time: bench report {directory.path}")


def _labels(loaded: LoadedSuite) -> tuple[EvalLabels, ...]:
    """The human labels of the suite's judges. Raises `InputError` where a file of them cannot be read."""
    folder, suite = loaded.path.parent, loaded.suite
    trained = (f"{arm.name}#{seed}" for arm in suite.expand() for seed in suite.seeds_of(arm.name))
    subjects = (*suite.base_subjects(), *trained)
    return tuple(
        EvalLabels(
            eval=spec.name,
            labels=read_labels(folder / spec.labels, where=f"eval[{index}].labels", subjects=subjects),
        )
        for index, spec in enumerate(loaded.suite.eval)
        if spec.kind == "judge" and spec.labels is not None
    )


def _earlier_looks(planned: Plan, directory: RunDirectory) -> tuple[Look, ...]:
    """Looks at what this suite asks, in the run directories beside this one."""
    models = tuple(model.sha256 for model in planned.resolved.bases().values())
    return looks_beside(directory.path, question_of(planned.resolved.suite, models=models))
