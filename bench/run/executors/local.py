"""Jobs as children of this process, on this machine.

A child that has scored a subject stays for the subject's next eval, which then loads nothing, and for other subjects of
the same base, which it still has. Before any other job starts, whose memory it would take, it gives the subject back;
on a GPU, whose memory a process holds as long as it lives, it ends.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.emit import Event
from bench.record.environment import device, this_machine
from bench.record.files import LOG
from bench.record.jobs.eval_job import LoadedWeights
from bench.record.jobs.job import Job, loaded_weights
from bench.record.jobs.train_job import ProbeJob
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance
from bench.run.executors.executor import RunningJob
from bench.run.executors.remote_job import adopted
from bench.run.process.server import Child, ChildServer, stop_all
from bench.run.process.work import IN_TURN, REST, ChildRequest, Rest, TurnGiven

HERE = "here"
"""Name of this machine among nodes: all jobs share it."""


_REST_SECONDS = 60.0
"""In which a child has to give its subject back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleChild:
    """A child that waits for work."""

    weights: LoadedWeights
    child: Child
    log: Path
    """Where its last job printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """One child."""

    child: Child
    weights: LoadedWeights | None
    """What it loads."""
    log: Path
    idle: list[IdleChild]
    """Where its child goes if it stays."""
    began: float = field(default_factory=time.monotonic)
    """When its process had it; the first one waits for the libraries, which no limit is about."""

    @property
    def node(self) -> str:
        """This machine."""
        return HERE

    @property
    def machine(self) -> Machine:
        """This machine."""
        return this_machine()

    @property
    def waitables(self) -> Sequence[Any]:
        """Its pipe and its end."""
        return self.child.waitables

    @property
    def pid(self) -> int | None:
        """The child's."""
        return self.child.process.pid

    @property
    def seconds(self) -> float:
        """Since its process had it."""
        return time.monotonic() - self.began

    def messages(self) -> Iterator[Event]:
        """Events from its pipe."""
        return self.child.messages()

    @property
    def unread(self) -> int:
        """None: its child is of this program."""
        return 0

    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.child.ended()

    @property
    def failure(self) -> Failure | None:
        """What it reported, or how it was ended."""
        return self.child.failure

    @property
    def retry(self) -> None:
        """Never: what kills it on this machine would kill it again."""
        return None

    def give_turn(self) -> None:
        """The word that its child waits for."""
        self.child.ask(TurnGiven())

    def kill(self) -> None:
        """Kill the process: it may be deep in native code, and asking would wait for it."""
        self.child.kill()

    def stop(self) -> None:
        """Ask, wait, then kill; a child that has done its work and stays is put aside."""
        if self.child.idle and self.weights is not None:
            self.idle.append(IdleChild(weights=self.weights, child=self.child, log=self.log))
        else:
            self.child.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Forks of a server that has the libraries imported."""

    server: ChildServer
    idle: list[IdleChild] = field(default_factory=list)
    """Children that wait for the next eval of their subject."""

    @property
    def kept(self) -> Collection[LoadedWeights]:
        """What its idle children have loaded."""
        return {entry.weights for entry in self.idle}

    def release(self, but: Collection[str] = ()) -> None:
        """End the idle children, but for those with these bases."""
        stop_all([entry.child for entry in self.idle if entry.weights.base not in but])
        self.idle[:] = [entry for entry in self.idle if entry.weights.base in but]

    @property
    def at_once(self) -> None:
        """The plan's workers."""
        return None

    @property
    def poll_seconds(self) -> float:
        """Limits are looked at twice a second."""
        return 0.5

    @property
    def attempts(self) -> int:
        """One."""
        return 1

    def adopt(self, job: Job, folder: Path) -> RunningJob | None:
        """A job that another executor began elsewhere; a child of this one ended with its parent."""
        return adopted(job, folder)

    def submit(self, job: Job, folder: Path, *, lock: Path, allowance: Allowance = NO_ALLOWANCE) -> LocalJob:
        """Hand it to the idle child that has its weights, or fork a child; either holds `lock` while it works. The
        scheduler holds it to the suite's limits, and no one to an estimate: this machine is the user's own."""
        del allowance
        weights = loaded_weights(job)
        log, stays = folder / LOG, weights is not None
        kind = IN_TURN if isinstance(job, ProbeJob) and job.takes_turns else job.kind
        request = self.server.request(kind, job, folder=folder, log=log, lock=lock, stays=stays)
        child = self._resumed(weights, request) or self._forked(request)
        return LocalJob(child=child, weights=weights, log=log, idle=self.idle)

    def dispatch(self) -> None:
        """Nothing: each job began as it was submitted."""

    def _resumed(self, weights: LoadedWeights | None, request: ChildRequest) -> Child | None:
        """An idle child that does the work now, preferably with this subject, else with its base; `None` where there
        is none any more."""
        if weights is None:
            return None
        fitting = [entry for entry in self.idle if entry.weights.base == weights.base]
        for entry in sorted(fitting, key=lambda entry: (entry.weights != weights, entry.weights.subject is not None)):
            self.idle.remove(entry)
            if entry.child.resume(request):
                return entry.child
            entry.child.stop()
        return None

    def _forked(self, request: ChildRequest) -> Child:
        if device() == "cpu":
            self.idle[:] = [rested for entry in self.idle if (rested := self._rested(entry)) is not None]
        else:
            self.release()
        return self.server.fork(request)

    def _rested(self, entry: IdleChild) -> IdleChild | None:
        """The child with its base alone; `None` where it has ended."""
        if entry.weights.subject is None:
            return entry
        child, deadline = entry.child, time.monotonic() + _REST_SECONDS
        resting = child.resume(self.server.request(REST, Rest(), folder=entry.log.parent, log=entry.log, stays=True))
        while resting and not child.ended() and time.monotonic() < deadline:
            child.wait(deadline - time.monotonic())
        if child.idle:
            return replace(entry, weights=replace(entry.weights, subject=None))
        child.stop()
        return None

    def stop_all(self, jobs: Sequence[RunningJob]) -> None:
        """End all at once: a grace time shared by all, then kill what is left."""
        for job in jobs:
            if not isinstance(job, LocalJob):
                job.stop()
        stop_all([*(job.child for job in jobs if isinstance(job, LocalJob)), *(entry.child for entry in self.idle)])
        self.idle.clear()
