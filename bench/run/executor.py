"""Runs jobs in children, several side by side, in the order of their needs; a failed job harms only its dependants.

One loop waits for messages and ends of children; all state is in this process, all results are in the store. A job
whose digest another process is running, or has finished meanwhile, is waited for and reused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import connection as mp_connection

from bench.record.files import LOG
from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Failure
from bench.record.results.training import TrainResult
from bench.record.store import JobStore
from bench.run.display import Display
from bench.run.plan.types import JobOutcome, PlannedJob
from bench.run.process.limits import exceeded
from bench.run.process.locks import FileLock, child_lock, try_lock_job
from bench.run.process.server import Child, ChildServer, stop_all
from bench.suite.tables.suite import Limits

_POLL_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class _Running:
    job: PlannedJob
    child: Child
    lock: FileLock
    started: str
    clock: float
    """When it was asked for."""
    forked: float
    """When its process was there; the first one waits for the libraries, which no limit is about."""
    shared: bool = False
    """Whether another job of this run ran beside it at any time."""
    ended_for: Failure | None = None
    """Why it was ended from here."""


@dataclass(slots=True, kw_only=True)
class Executor:
    """One run of some jobs. `outcomes` (by digest) fills as they end, and stays readable after an interruption."""

    server: ChildServer
    store: JobStore
    workers: int
    display: Display
    on_end: Callable[[PlannedJob, JobOutcome], None]
    limits: Limits = field(default_factory=Limits)
    outcomes: dict[str, JobOutcome] = field(default_factory=dict)
    _waiting: list[PlannedJob] = field(default_factory=list)
    _running: list[_Running] = field(default_factory=list)

    def run(self, jobs: Sequence[PlannedJob]) -> None:
        """Run all of them. On `KeyboardInterrupt` the children are stopped, and it is raised on."""
        self._waiting = sorted(jobs, key=lambda planned: planned.rank)
        try:
            while self._waiting or self._running:
                self._close_without_child()
                before = len(self._waiting)
                self._start_what_can()
                if self._running:
                    self._listen()
                elif len(self._waiting) == before:
                    time.sleep(_POLL_SECONDS)  # another process has the locks
                self.display.tick()
        finally:
            self._abandon()

    def _close_without_child(self) -> None:
        """Close the jobs that need no child: they cannot run, a need of theirs failed, their digest has ended here."""
        for planned in list(self._waiting):  # in the order of needs: one pass reaches dependants of dependants
            outcome = self._outcome_without_child(planned)
            if outcome is not None:
                self._waiting.remove(planned)
                self._close(planned, outcome)

    def _outcome_without_child(self, planned: PlannedJob) -> JobOutcome | None:
        if planned.unavailable is not None:
            return JobOutcome(failure=Failure(kind="unavailable", message=planned.unavailable.what))
        twin = self.outcomes.get(planned.digest)
        if twin is not None:
            return replace(twin, reused=True)
        for digest in planned.after:
            failed = self.outcomes.get(digest)
            if failed is not None and failed.failure is not None:
                return JobOutcome(failure=_dependency_failure(failed.failure, planned))
        return None

    def _start_what_can(self) -> None:
        busy = {running.job.digest for running in self._running}
        unfinished = busy | {planned.digest for planned in self._waiting}
        for planned in list(self._waiting):
            if self._room() < 1 or any(running.job.exclusive for running in self._running):
                return
            if planned.digest in busy or any(digest in unfinished for digest in planned.after):
                continue
            if planned.exclusive and self._running:
                return  # let the machine fall idle for it
            if planned.processes > self._room() and self._running:
                return  # so, too, until there is room for all its processes
            lock = try_lock_job(self.store.home, planned.digest)
            if lock is None:
                continue
            self._waiting.remove(planned)
            busy.add(planned.digest)
            try:
                self._start(planned, lock)
            except BaseException:
                lock.release()
                raise

    def _room(self) -> int:
        """Workers without work; a job in several processes takes as many."""
        return self.workers - sum(running.job.processes for running in self._running)

    def _start(self, planned: PlannedJob, lock: FileLock) -> None:
        manifest = self.store.done(planned.digest)
        if manifest is not None and not planned.fresh and not manifest.freed:
            lock.release()
            self._close(planned, JobOutcome.of(manifest))
            return
        if planned.fresh:
            self.store.forget(planned.digest)
        started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        folder = self.store.begin(planned.job)
        self.display.started(planned.job.id)
        child = self.server.start(
            planned.job.kind,
            planned.job,
            folder=folder,
            log=folder / LOG,
            lock=child_lock(self.store.home, planned.digest).path,
        )
        forked = time.monotonic()
        self._running.append(_Running(job=planned, child=child, lock=lock, started=started, clock=clock, forked=forked))
        if len(self._running) > 1:
            for running in self._running:
                running.shared = True

    def _listen(self) -> None:
        """Wait for a message or an end, and deal with what came."""
        waitables = [waitable for running in self._running for waitable in running.child.waitables]
        mp_connection.wait(waitables, timeout=_POLL_SECONDS)
        for running in list(self._running):
            for event in running.child.messages():
                self.display.progress(running.job.job.id, event)
            self._hold_to_limits(running)
            if running.child.ended():
                self._running.remove(running)
                self._finish(running)

    def _hold_to_limits(self, running: _Running) -> None:
        if running.ended_for is None and not running.child.ended():
            running.ended_for = exceeded(
                self.limits,
                pid=running.child.process.pid,
                seconds=time.monotonic() - running.forked,
                processes=running.job.processes,
            )
            if running.ended_for is not None:
                running.child.process.kill()  # it may be deep in native code: asking would wait for it

    def _finish(self, running: _Running) -> None:
        running.child.stop()
        seconds = time.monotonic() - running.clock
        failure = running.child.failure
        if failure is not None and running.ended_for is not None:
            failure = running.ended_for
        if failure is None:
            failure = self._commit(running, seconds)
        running.lock.release()
        self._close(
            running.job,
            JobOutcome(failure=failure, started=running.started, seconds=seconds, alone=not running.shared),
        )

    def _commit(self, running: _Running, seconds: float) -> Failure | None:
        """Make the result count. A missing, malformed or diverged one is a failure; the latter stays to be shown."""
        digest = running.job.digest
        try:
            result = self.store.result(digest)
            if isinstance(result, TrainResult) and result.diverged:
                return Failure(kind="diverged", message=f"stopped at step {len(result.steps)}: the loss ran away")
            self.store.commit(digest, started=running.started, seconds=seconds, alone=not running.shared)
        except (OSError, ValueError) as error:
            return Failure(kind="exception", message=f"no whole result: {str(error).splitlines()[0]}")
        return None

    def _close(self, planned: PlannedJob, outcome: JobOutcome) -> None:
        self.outcomes.setdefault(planned.digest, outcome)
        self.display.ended(
            planned.job.id,
            outcome.failure,
            outcome.seconds,
            reused=outcome.reused,
            scores=self._scores(planned, outcome),
        )
        self.on_end(planned, outcome)

    def _scores(self, planned: PlannedJob, outcome: JobOutcome) -> tuple[tuple[str, float], ...]:
        """Headline scores of an eval that is done; none of anything else."""
        if planned.job.kind != "eval" or outcome.failure is not None:
            return ()
        result = self.store.eval_result(planned.digest)
        measures = () if result is None else result.measures
        return tuple(
            (measure.task, measure.value) for measure in measures if measure.headline and measure.value is not None
        )

    def _abandon(self) -> None:
        """Stop what still runs; only after an exception is there anything."""
        stop_all([running.child for running in self._running])
        for running in self._running:
            running.lock.release()
        self._running.clear()


def _dependency_failure(failure: Failure, planned: PlannedJob) -> Failure:
    if failure.kind == "dependency":
        return failure
    needed = "sweep" if planned.job.kind == "train" else "training"
    if isinstance(planned.job, EvalJob) and planned.job.judging is not None:
        needed = "answers (or those that they are compared with)"
    return Failure(kind="dependency", message=f"its {needed} failed: {failure.message}")
