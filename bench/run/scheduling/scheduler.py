"""Has jobs run, several side by side, in the order of their needs; a failed job harms only its dependants.

One loop waits for events and ends of what an executor runs; all results are in the store. A job whose digest another
process is running, or has finished meanwhile, is waited for and reused.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import connection as mp_connection

from bench.record.jobs.eval_job import LoadedWeights
from bench.record.jobs.job import loaded_weights
from bench.record.record import Failure, JobOutcome
from bench.record.store import JobStore, Manifest
from bench.run.display import Display
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance
from bench.run.executors.executor import Executor, Retry
from bench.run.plan.free_weights import retrained_where_freed
from bench.run.plan.order import GROUP
from bench.run.plan.types import PlannedJob, outcome_of
from bench.run.process.locks import FileLock, child_lock, try_lock_job
from bench.run.scheduling.outcomes import dependency_failure, headline_scores, outcome_without_child
from bench.run.scheduling.running import Running
from bench.suite.tables.suite import Limits

_LOCK_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """One run of some jobs. `outcomes` (by digest) fills as they end, and stays readable after an interruption."""

    executor: Executor
    store: JobStore
    workers: int
    display: Display
    on_end: Callable[[PlannedJob, JobOutcome], None]
    on_look: Callable[[], None] = lambda: None
    """Called after each look at what runs."""
    limits: Limits = field(default_factory=Limits)
    outcomes: dict[str, JobOutcome] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    """By digest; larger for a job that outgrew its own."""
    _waiting: list[PlannedJob] = field(default_factory=list)
    _running: list[Running] = field(default_factory=list)
    _attempts: dict[str, int] = field(default_factory=dict)
    """Submissions by digest."""
    _lost: dict[str, list[str]] = field(default_factory=dict)
    """Machines that went away while they did a job, by its digest."""
    _weights: dict[str, LoadedWeights | None] = field(default_factory=dict)
    """What evals load, by digest."""
    _later: set[str] = field(default_factory=set)
    """Bases of the evals of another call."""
    _closed_some: bool = True
    """Whether a job was closed since the waiting ones were looked at: of ten thousand that costs a while."""

    def run(self, jobs: Sequence[PlannedJob], *, later: Sequence[PlannedJob] = ()) -> None:
        """Run all of them. On `KeyboardInterrupt` the children are stopped, and it is raised on. later: jobs of another
        call, for which idle processes keep their base."""
        self._waiting, self._closed_some = sorted(jobs, key=lambda planned: planned.rank), True
        self._weights |= {planned.digest: loaded_weights(planned.job) for planned in jobs}
        self._later = {load.base for planned in later if (load := loaded_weights(planned.job))}
        try:
            while self._waiting or self._running:
                self._close_without_child()
                before = len(self._waiting)
                if self._start_what_can():
                    self._follow_trainings()
                self._give_turn()
                self.executor.dispatch()
                if self._running:
                    self._listen()
                elif len(self._waiting) == before:
                    time.sleep(_LOCK_SECONDS)  # another process has the locks
                self.display.tick()
                self.on_look()
        except BaseException:
            self._abandon()
            raise
        self.executor.release(but=self._later)

    def _close_without_child(self) -> None:
        """Close the jobs that need no child: they cannot run, a need of theirs failed, their digest has ended here."""
        if not self._closed_some:
            return
        self._closed_some = False
        for planned in list(self._waiting):  # in the order of needs: one pass reaches dependants of dependants
            outcome = outcome_without_child(planned, self.outcomes)
            if outcome is not None:
                self._waiting.remove(planned)
                self._close(planned, outcome)

    def _start_what_can(self) -> bool:
        """Start the jobs whose needs are met; whether none of them waits for room."""
        if self._room() < 1:
            return False
        busy = {running.job.digest for running in self._running}
        unfinished = busy | {planned.digest for planned in self._waiting}
        ready = [planned for planned in self._waiting if unfinished.isdisjoint(planned.after)]
        while ready:
            if self._room() < 1:
                return False
            planned = self._next(ready)
            ready.remove(planned)
            if planned.digest in busy:
                continue
            if not self._fits(planned):
                return False
            if self._take(planned):
                busy.add(planned.digest)
        if self.executor.kept:
            waiting = {load.base for job in self._waiting if (load := self._weights[job.digest])}
            self.executor.release(but=waiting | self._later)
        return True

    def _next(self, ready: Sequence[PlannedJob]) -> PlannedJob:
        """The first job, unless that is an eval: then one of its group whose subject an idle process has, else one
        whose subject no process has, preferably of an idle process's base, so that a subject is loaded twice only
        where a worker would be idle."""
        first, weights = ready[0], self._weights
        if self.executor.at_once is not None or weights[first.digest] is None:
            return first
        group = [planned for planned in ready if planned.rank // GROUP == first.rank // GROUP]
        kept, loaded = self.executor.kept, {weights[running.job.digest] for running in self._running}
        bases = {load.base for load in kept}
        fitting = (planned for planned in group if weights[planned.digest] in kept)
        apart = [planned for planned in group if weights[planned.digest] not in loaded]
        based = (planned for planned in apart if (load := weights[planned.digest]) is not None and load.base in bases)
        return next(fitting, None) or next(based, None) or next(iter(apart), first)

    def _take(self, planned: PlannedJob, *, follows: str | None = None) -> bool:
        """Start a waiting job, unless another process has its lock; whether it was started."""
        lock = try_lock_job(self.store.home, planned.digest)
        if lock is None:
            return False
        self._waiting.remove(planned)
        try:
            self._start(planned, lock, follows=follows)
        except BaseException:
            lock.release()
            raise
        return True

    def _give_turn(self) -> None:
        """Let the first of the prepared jobs have the machine, once all that runs is prepared and waits."""
        if self._running and all(running.prepared is not None for running in self._running):
            self._running[0].give_turn()
            self._note_sharing()

    def _follow_trainings(self) -> None:
        """Give idle workers of this machine the stored steps of trainings that go on: of those that do not have the
        machine to themselves anyway, for a job beside it would take a training's speed away."""
        if self.executor.at_once is not None:
            return
        unfinished = {job.digest for job in self._waiting} | {running.job.digest for running in self._running}
        going_on = {running.job.digest for running in self._running if running.stepped and running.shared}
        for planned in [planned for planned in self._waiting if planned.may_follow]:
            needs = unfinished.intersection(planned.after)
            if self._room() >= 1 and len(needs) == 1 and needs <= going_on:
                self._take(planned, follows=needs.pop())

    def _end_following(self, digest: str, failure: Failure | None) -> None:
        """The training of this digest is over: who follows it goes on alone, or ends with it where it failed."""
        for running in self._running:
            if running.follows == digest:
                running.stop_following(None if failure is None else dependency_failure(failure, running.job, digest))

    def _room(self) -> int:
        """Workers without work; a job in several processes takes as many, on other machines one."""
        if self.executor.at_once is not None:
            return self.executor.at_once - len(self._running)
        if any(running.job.exclusive and not running.beginning for running in self._running):
            return 0
        return self.workers - sum(running.job.processes for running in self._running)

    def _fits(self, planned: PlannedJob) -> bool:
        """Whether to start it now: else this machine is to fall idle for it, or have room for all its processes."""
        if self.executor.at_once is not None or not self._running:
            return True
        beside = (planned, *(running.job for running in self._running))
        together = all(job.takes_turns for job in beside) or not any(job.exclusive for job in beside)
        return together and planned.processes <= self._room()

    def _start(self, planned: PlannedJob, lock: FileLock, *, follows: str | None = None) -> None:
        manifest = self._done_meanwhile(planned)
        if manifest is not None:
            lock.release()
            self._close(planned, outcome_of(manifest))
            return
        if planned.fresh:
            self.store.forget(planned.digest)
        started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        work = None if planned.fresh else self.executor.adopt(planned.job, self.store.folder(planned.digest))
        self.display.started(planned.job.id)
        if work is None:
            folder = self.store.begin(planned.job)
            lock_path = child_lock(self.store.home, planned.digest).path
            allowance = self.allowances.get(planned.digest, NO_ALLOWANCE)
            work = self.executor.submit(planned.job, folder, lock=lock_path, allowance=allowance)
        self._attempts[planned.digest] = self._attempts.get(planned.digest, 0) + 1
        self._running.append(Running(job=planned, work=work, lock=lock, started=started, clock=clock, follows=follows))
        self._note_sharing()

    def _done_meanwhile(self, planned: PlannedJob) -> Manifest | None:
        """The result that another process has brought since the plan was made; `None` where the job has to run by the
        plan's own rule: without a result, or with freed weights that a waiting job needs."""
        manifest = self.store.done(planned.digest)
        if manifest is None or planned.fresh or not manifest.freed:
            return None if planned.fresh else manifest
        stored = (dataclasses.replace(job, cached=self.store.done(job.digest)) for job in (planned, *self._waiting))
        return retrained_where_freed(tuple(stored))[0].cached

    def _note_sharing(self) -> None:
        """Mark the jobs whose machine has several of this run at work, but for what is prepared."""
        at_work = [running for running in self._running if not running.preparing]
        nodes = Counter(running.work.node for running in at_work)
        for running in at_work:
            running.shared |= running.work.node is not None and nodes[running.work.node] > 1

    def _listen(self) -> None:
        """Wait for a message or an end, and deal with what came."""
        waitables = [waitable for running in self._running for waitable in running.work.waitables]
        mp_connection.wait(waitables, timeout=self.executor.poll_seconds)
        for running in list(self._running):
            for event in running.work.messages():
                running.hear(event)
                self.display.progress(running.job.job.id, event)
            if running.work.ended():
                self._running.remove(running)
                self._finish(running)
            else:
                running.hold_to(self.limits)
        if self.executor.at_once is not None:
            self._note_sharing()

    def _finish(self, running: Running) -> None:
        seconds = running.seconds
        failure, retry = running.work.failure, running.work.retry
        running.work.stop()
        if unread := running.work.unread:
            self.display.note(f"{running.job.job.id}: lines of its events that could not be read: {unread}")
        if failure is not None and running.ended_for is not None:
            failure, retry = running.ended_for, None
        if failure is not None and retry is not None:
            self._attempts[running.job.digest] -= retry.reason == "orphaned"
            if self._attempts[running.job.digest] < self.executor.attempts:
                self._submit_again(running, failure, retry)
                return
        if failure is None:
            failure = running.commit(self.store, seconds)
        running.lock.release()
        outcome = JobOutcome(
            failure=failure,
            started=running.started,
            seconds=seconds,
            alone=not running.shared,
            node=running.elsewhere,
            machine=running.work.machine,
            lost_nodes=tuple(self._lost.get(running.job.digest, ())),
        )
        self._close(running.job, outcome)

    def _submit_again(self, running: Running, failure: Failure, retry: Retry) -> None:
        """Its machine is gone, or what it was allowed; what it saved is not."""
        attempt, attempts = self._attempts[running.job.digest] + 1, self.executor.attempts
        more = "" if retry.allowance is None else ", with twice as much"
        self.display.note(f"{running.job.job.id}: {failure.message}; attempt {attempt} of {attempts}{more}")
        if retry.allowance is not None:
            self.allowances[running.job.digest] = retry.allowance
        if retry.reason == "lost":
            self._lost.setdefault(running.job.digest, []).append(running.work.node or "before its start")
        running.lock.release()
        self._waiting.insert(0, running.job)

    def _close(self, planned: PlannedJob, outcome: JobOutcome) -> None:
        self._end_following(planned.digest, outcome.failure)
        self.outcomes.setdefault(planned.digest, outcome)
        self._closed_some = True
        self.display.ended(
            planned.job.id,
            outcome.failure,
            outcome.seconds,
            reused=outcome.reused,
            scores=headline_scores(planned, outcome, self.store),
        )
        self.on_end(planned, outcome)

    def _abandon(self) -> None:
        """Stop what still runs, after an exception."""
        self.executor.stop_all([running.work for running in self._running])
        for running in self._running:
            running.lock.release()
        self._running.clear()
