"""Jobs as children of this process, on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.emit import Event
from bench.record.files import LOG
from bench.record.jobs.job import Job
from bench.record.record import Failure
from bench.run.executors.executor import RunningJob
from bench.run.process.server import Child, ChildServer, stop_all

HERE = "here"
"""Name of this machine among nodes: all jobs share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """One child."""

    child: Child
    forked: float = field(default_factory=time.monotonic)
    """When its process was there; the first one waits for the libraries, which no limit is about."""

    @property
    def node(self) -> str:
        """This machine."""
        return HERE

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
        """Since the fork."""
        return time.monotonic() - self.forked

    def messages(self) -> Iterator[Event]:
        """Events from its pipe."""
        return self.child.messages()

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
        self.child.process.kill()

    def stop(self) -> None:
        """Ask, wait, then kill."""
        self.child.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Forks of a server that has the libraries imported."""

    server: ChildServer

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
        """Fork a child that holds `lock`."""
        child = self.server.start(job.kind, job, folder=folder, log=folder / LOG, lock=lock)
        return LocalJob(child=child)

    def stop_all(self, jobs: Sequence[RunningJob]) -> None:
        """End all at once: a grace time shared by all, then kill what is left."""
        stop_all([job.child for job in jobs if isinstance(job, LocalJob)])
