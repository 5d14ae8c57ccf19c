"""Jobs as children of this process, on this machine.

A child that has scored a subject stays for the subject's next eval, which then loads nothing; it ends before any other
job starts, whose memory it would take.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.emit import Event
from bench.record.environment import this_machine
from bench.record.files import LOG
from bench.record.jobs.job import Job, loaded_weights
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.run.executors.executor import RunningJob
from bench.run.process.server import Child, ChildServer, stop_all
from bench.run.process.work import ChildRequest

HERE = "here"
"""Name of this machine among nodes: all jobs share it."""


IdleChild = tuple[str, Child]
"""Name of the weights that a child has loaded, and the child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """One child."""

    child: Child
    weights: str | None
    """Name of what it loads."""
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
    def lost(self) -> bool:
        """Never: what kills it on this machine would kill it again."""
        return False

    def kill(self) -> None:
        """Kill the process: it may be deep in native code, and asking would wait for it."""
        self.child.kill()

    def stop(self) -> None:
        """Ask, wait, then kill; a child that has done its work and stays is put aside."""
        if self.child.idle and self.weights is not None:
            self.idle.append((self.weights, self.child))
        else:
            self.child.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Forks of a server that has the libraries imported."""

    server: ChildServer
    idle: list[IdleChild] = field(default_factory=list)
    """Children that wait for the next eval of their subject."""

    @property
    def kept(self) -> Collection[str]:
        """Weights of its idle children."""
        return {weights for weights, _ in self.idle}

    def release(self, but: Collection[str] = ()) -> None:
        """End the idle children."""
        stop_all([child for weights, child in self.idle if weights not in but])
        self.idle[:] = [(weights, child) for weights, child in self.idle if weights in but]

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

    def adopt(self, job: Job, folder: Path) -> None:
        """Nothing: a child ends with its parent."""
        return

    def submit(self, job: Job, folder: Path, *, lock: Path) -> LocalJob:
        """Hand it to the idle child that has its weights, or fork a child; either holds `lock` while it works."""
        weights = loaded_weights(job)
        log, stays = folder / LOG, weights is not None
        request = self.server.request(job.kind, job, folder=folder, log=log, lock=lock, stays=stays)
        return LocalJob(child=self._resumed(weights, request) or self._forked(request), weights=weights, idle=self.idle)

    def _resumed(self, weights: str | None, request: ChildRequest) -> Child | None:
        """An idle child with these weights, which does the work now; `None` where there is none any more."""
        fitting = [entry for entry in self.idle if entry[0] == weights]
        for entry in fitting:
            self.idle.remove(entry)
            if entry[1].resume(request):
                return entry[1]
            entry[1].stop()
        return None

    def _forked(self, request: ChildRequest) -> Child:
        self.release()
        return self.server.fork(request)

    def stop_all(self, jobs: Sequence[RunningJob]) -> None:
        """End all at once: a grace time shared by all, then kill what is left."""
        stop_all([*(job.child for job in jobs if isinstance(job, LocalJob)), *(child for _, child in self.idle)])
        self.idle.clear()
