"""`bench run`: resolve → plan → execute → record. What is done stays done, however the run ends."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from bench.atomic import write_errors_as_problems
from bench.digest import digest_json
from bench.errors import BenchError, IncompleteError, InterruptedRunError, Problem
from bench.record.contamination import ContaminationRecord
from bench.record.jobs.train_job import ProbeJob
from bench.record.labels import EvalLabels, read_labels
from bench.record.look import Look, looks_beside, question_of
from bench.record.results.training import ProbeResult
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.checks.base_scores import base_findings
from bench.run.checks.before_work import check_before_work
from bench.run.checks.warnings import advice, as_line
from bench.run.contamination import find_contamination
from bench.run.display import Display
from bench.run.estimate.disk import check_space
from bench.run.executors.local import LocalExecutor
from bench.run.executors.protocol import Executor
from bench.run.plan.free_weights import prune
from bench.run.plan.plan import plan
from bench.run.plan.probe_rounds import in_round, rounds_of, without_later, without_needless_rounds
from bench.run.plan.types import JobOutcome, Plan, PlannedJob
from bench.run.plan.unavailable import notes as unavailable_notes
from bench.run.process.allocation import allocation
from bench.run.process.invitations import folder_of, hosting
from bench.run.process.locks import folder_lock
from bench.run.process.server import ChildServer
from bench.run.recorder import Heading, earlier, make_record, timestamp
from bench.run.resolve.suite import resolve
from bench.run.scheduler import Scheduler
from bench.run.takeover import take_over
from bench.suite.load import LoadedSuite

_SECONDS_BETWEEN_RECORDS = 20.0


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
    base's scores. Raises `InputError` before any work, `IncompleteError`
    before the first training, `InterruptedRunError` after SIGINT or SIGTERM.
    """
    began = time.monotonic()
    server = dataclasses.replace(server or ChildServer(), tick=display.tick)
    hint = _finished_hint(loaded, only, home)
    with (
        write_errors_as_problems(f"{home} or {reports}"),
        _signals_interrupt(),
        _server_ended_on_error(server),
        _hosting_nodes(home),
    ):
        if fresh or not hint.exists():
            server.warm()  # its imports overlap with resolving
        planned = plan(
            resolve(loaded, home=home, server=server, partial=True),
            only=only,
            home=home,
            fresh=fresh,
            trust_task_code=trust_task_code,
        )
        unavailable = check_before_work(planned, home=home, server=server, go_on=go_on, note=display.note)
        check_space(planned, home=home)
        for warning in advice(loaded) if planned.to_do else ():
            display.note(as_line(warning))
        display.plan(planned)
        for line in unavailable_notes(planned):
            display.note(line)
        suite = planned.resolved.suite
        labels = _labels(loaded)
        directory = RunDirectory.at(reports, suite=suite.name, profile=planned.resolved.profile, digest=planned.digest)
        run = _Run(
            plan=planned,
            store=JobStore(home=home),
            directory=directory,
            heading=Heading.now(
                planned, command=tuple(command or ("bench", *sys.argv[1:])), suite_toml_sha256=loaded.sha256
            ),
            began=began,
            go_on=go_on,
            executor=executor,
            unavailable=unavailable,
            looks=_earlier_looks(planned, directory),
            labels=labels,
        )
        with _exclusive(directory, display):
            if (name := take_over(directory, planned)) is not None:
                display.note(f"{name} continues as {directory.path.name}: what was unavailable is available")
            if planned.can_run and not temporary:
                display.note(f"results so far, at any time: bench report {directory.path}")
            run.execute(server, display)
        if not run.failed:
            hint.parent.mkdir(parents=True, exist_ok=True)
            hint.touch()
        return directory


@dataclasses.dataclass(slots=True, kw_only=True)
class _Run:
    """The part of a run that writes its record."""

    plan: Plan
    store: JobStore
    directory: RunDirectory
    heading: Heading
    began: float
    go_on: bool
    """Train whatever the bases' scores say."""
    executor: Executor | None
    """`None`: this machine."""
    unavailable: frozenset[str]
    """Evals whose rows the hub does not give today: their jobs fail, and no training waits for them."""
    looks: tuple[Look, ...] = ()
    """At the same question with other seeds, before this run."""
    labels: tuple[EvalLabels, ...] = ()
    """What people said of judged pairs."""
    outcomes: dict[str, JobOutcome] = dataclasses.field(default_factory=dict)
    _recorded: float = 0.0

    def execute(self, server: ChildServer, display: Display) -> None:
        """Run the jobs, with the record written now and then and at the end."""
        if not self.plan.to_do:
            self._write(earlier(self.directory, self.plan) or self._ended(), contamination=self._contamination())
            return
        scheduler = Scheduler(
            executor=self.executor or LocalExecutor(server=server),
            store=self.store,
            workers=self.plan.workers,
            display=display,
            on_end=self._on_end,
            limits=self.plan.resolved.suite.run.limits,
            outcomes=self.outcomes,
        )
        self._write(self.heading)
        try:
            first = () if self.go_on else self._before_training()
            scheduler.run(first)
            if not self.go_on:
                self._check_bases(display)
            self._probe_in_rounds(scheduler, display)
            rest = (planned for planned in self.plan.to_do if not isinstance(planned.job, ProbeJob))
            scheduler.run([planned for planned in rest if planned not in first])
        except KeyboardInterrupt as error:
            self._write(self._ended(), interrupted=True)
            raise InterruptedRunError(self._interruption()) from error
        contamination = self._contamination()
        self._write(self._ended(), contamination=contamination)

    def _probe_in_rounds(self, scheduler: Scheduler, display: Display) -> None:
        """Time the arms until their speeds are resolved; what is not needed leaves the plan, as do later probes of an
        arm whose probe failed."""
        for number in rounds_of(self.plan):
            probes = in_round(self.plan, number)
            scheduler.run(probes)
            failed = {p.arm for p in probes if self.outcomes[p.digest].failure is not None}
            shorter = without_needless_rounds(without_later(self.plan, number, failed), self._probed)
            kept = {planned.job.id for planned in shorter.jobs}
            for planned in self.plan.to_do:
                if planned.job.id not in kept:
                    display.dropped(planned.job.id)
            self.plan = shorter

    def _probed(self, planned: PlannedJob) -> ProbeResult | None:
        """Result of a probe that has ended in this run, or that this run reuses."""
        outcome = self.outcomes.get(planned.digest)
        ended = not planned.to_do if outcome is None else outcome.failure is None
        return self.store.probe_result(planned.digest) if ended else None

    def _before_training(self) -> tuple[PlannedJob, ...]:
        """The bases' evals, where a training comes after them."""
        return tuple(planned for planned in self.plan.can_run if planned.arm is None) if self.plan.trains else ()

    def _check_bases(self, display: Display) -> None:
        """Raises `IncompleteError` where the bases' scores leave an eval without an answer, and trainings wait."""
        if not self.plan.trains:
            return
        base_problems = base_findings(self.plan, self.outcomes, self.store, but=self.unavailable)
        for finding in base_problems:
            if not finding.stops:
                display.note(f"warning: {finding.problem.what}")
        if stops := [finding.problem for finding in base_problems if finding.stops]:
            self._write(self._ended(), interrupted=True)
            raise IncompleteError(stops)

    @property
    def failed(self) -> bool:
        """Whether a job of this run failed."""
        return any(outcome.failure is not None for outcome in self.outcomes.values())

    def _on_end(self, planned: PlannedJob, outcome: JobOutcome) -> None:
        del outcome  # it is in `outcomes`
        prune(self.plan, planned, self.outcomes, self.store)
        if time.monotonic() - self._recorded >= _SECONDS_BETWEEN_RECORDS:
            self._write(self.heading)

    def _ended(self) -> Heading:
        return dataclasses.replace(
            self.heading, finished=timestamp(), wall_seconds=round(time.monotonic() - self.began, 3)
        )

    def _contamination(self) -> tuple[ContaminationRecord, ...]:
        return find_contamination(self.plan, store=self.store, home=self.store.home)

    def _write(
        self, heading: Heading, *, interrupted: bool = False, contamination: tuple[ContaminationRecord, ...] = ()
    ) -> None:
        record = make_record(
            self.plan,
            self.outcomes,
            heading,
            store=self.store,
            directory=self.directory,
            interrupted=interrupted,
            contamination=contamination,
            looks=self.looks,
            labels=self.labels,
        )
        self.directory.write(record)
        self._recorded = time.monotonic()

    def _interruption(self) -> Problem:
        finished = sum(outcome.failure is None for outcome in self.outcomes.values())
        return Problem(
            reference="run.interrupted",
            what=f"stopped with {finished} of {len(self.plan.to_do)} jobs done; they are kept",
            where=str(self.directory.path),
            hint="the same command resumes from there",
        )


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


def _finished_hint(loaded: LoadedSuite, only: Sequence[str], home: Path) -> Path:
    """A file that says that this very suite ran to its end: then the heavy server is not started in advance."""
    fields = {"suite": loaded.suite.model_dump(mode="json"), "path": str(loaded.path), "only": sorted(only)}
    return home / "finished" / digest_json(fields)


def _hosting_nodes(home: Path) -> contextlib.AbstractContextManager[None]:
    """Other nodes of the allocation wait for this run, and end with it."""
    place = allocation()
    return hosting(folder_of(home, place)) if place.nodes > 1 else contextlib.nullcontext()


@contextlib.contextmanager
def _exclusive(directory: RunDirectory, display: Display) -> Iterator[None]:
    """Only one process fills a run directory; a second waits, and then finds the jobs done."""
    lock = folder_lock(directory.path)
    lock.acquire(lambda: display.note(f"another bench run fills {directory.path}; waiting for it"))
    with lock:
        yield


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM stops a run as Ctrl-C does: children ended, record written, exit code 130."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread only
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt as error:
        problem = Problem(
            reference="run.interrupted", what="stopped before any job began", hint="the same command starts again"
        )
        raise InterruptedRunError(problem) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _server_ended_on_error(server: ChildServer) -> Iterator[None]:
    """A refused or stopped run leaves no process behind that still imports libraries."""
    try:
        yield
    except (BenchError, KeyboardInterrupt):
        server.kill()
        raise
