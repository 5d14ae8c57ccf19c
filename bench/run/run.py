"""`bench run`: resolve → plan → execute → record. What is done stays done, however the run ends."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.atomic import write_errors_as_problems, write_text
from bench.record.labels import EvalLabels, read_labels
from bench.record.look import Look, looks_beside, question_of
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.checks.before_work import check_before_work
from bench.run.checks.trusted_commands import check_trusted
from bench.run.checks.warnings import advice, as_line
from bench.run.display import Display
from bench.run.estimate.disk import check_space
from bench.run.execution import Execution
from bench.run.executors.executor import Executor
from bench.run.guards import exclusive, hosting_nodes, server_ended_on_error, signals_interrupt
from bench.run.hints import hint_file
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.plan.unavailable import notes as unavailable_notes
from bench.run.process.server import ChildServer
from bench.run.recording.heading import Heading
from bench.run.resolve.precision import precision_notes
from bench.run.resolve.suite import resolve
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
) -> RunDirectory:
    """Run what is not done yet and write the record. Failed jobs are in the record, not raised.

    `only`: arms to run (all, if empty); `temporary`: the run directory is read by the caller alone, and not shown;
    `fresh`: reuse nothing for the jobs asked for; `command`: as typed, default this process's arguments; `executor`: of
    the jobs, default this machine; `go_on`: train although an eval failed its rehearsal, or cannot tell anything by the
    base's scores. Raises `InputError` before any work, `IncompleteError` before the first training,
    `InterruptedRunError` after SIGINT or SIGTERM.
    """
    began = time.monotonic()
    check_trusted(loaded)
    server = dataclasses.replace(server or ChildServer(), tick=display.tick)
    hint = hint_file("finished", loaded, only, home)
    with (
        write_errors_as_problems(f"{home} or {reports}"),
        signals_interrupt(),
        server_ended_on_error(server),
        hosting_nodes(home),
    ):
        if fresh or not hint.exists():
            server.warm()  # its imports overlap with resolving
        resolved = resolve(loaded, home=home, server=server, partial=True)
        planned = plan(resolved, only=only, home=home, fresh=fresh, trust_task_code=trust_task_code)
        checked = check_before_work(planned, home=home, server=server, go_on=go_on, note=display.note)
        planned = checked.plan
        check_space(planned, home=home)
        _announce(planned, loaded, display)
        directory = RunDirectory.at(reports, suite=resolved.suite.name, profile=resolved.profile, digest=planned.digest)
        execution = Execution(
            plan=planned,
            store=JobStore(home=home),
            directory=directory,
            heading=_heading(planned, loaded, command),
            began=began,
            go_on=go_on,
            executor=executor,
            unavailable=checked.unavailable,
            looks=_earlier_looks(planned, directory),
            labels=_labels(loaded),
        )
        with exclusive(directory, display):
            _enter(directory, planned, display, shown=not temporary)
            execution.execute(server, display)
        if not execution.failed:
            write_text(hint, "")
        return directory


def _announce(planned: Plan, loaded: LoadedSuite, display: Display) -> None:
    """Show the plan, with what deserves a warning and what is unavailable."""
    for warning in advice(loaded) if planned.to_do else ():
        display.note(as_line(warning))
    display.plan(planned)
    for line in (*precision_notes(planned.resolved), *unavailable_notes(planned)):
        display.note(line)


def _heading(planned: Plan, loaded: LoadedSuite, command: Sequence[str] | None) -> Heading:
    """Heading of the record. command: default this process's arguments."""
    typed = tuple(command or ("bench", *sys.argv[1:]))
    return Heading.now(planned, command=typed, suite_toml_sha256=loaded.sha256)


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
