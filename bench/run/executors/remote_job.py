"""One job on another machine, by the files of its folder and what the program that has it says."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.emit import Event, event_of
from bench.record.jobs.job import Job
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance, Outgrown
from bench.run.executors.backend import Backend, JobState, Watcher
from bench.run.executors.executor import Retry
from bench.run.executors.remote_files import BEAT_SECONDS, JobFiles, RemoteEnd, arrived, differing
from bench.suite.tables.suite import Limits

LOST_SECONDS = 12 * BEAT_SECONDS
"""Without a sign of life a node is lost."""
_ASK_SECONDS = 10.0
"""Between questions to the backend about a job that gives no sign of life."""
_ARRIVAL_SECONDS = 60.0
"""A network mount may show a result's files that much later than its end (NFS looks again after `acdirmax`)."""
_OUTGROWN: dict[JobState | None, Outgrown] = {"out_of_time": "seconds", "out_of_memory": "memory_gib"}


@dataclass(slots=True, kw_only=True)
class RemoteJob:
    """One job, by its files."""

    backend: Watcher
    ticket: JobFiles
    handle: str | None = None
    """What the program calls it; `None` before it was submitted."""
    refused: str | None = None
    """Why the program did not start it."""
    allowance: Allowance = NO_ALLOWANCE
    """What the program was asked to allow it, by the plan."""
    limits: Limits = field(default_factory=Limits)
    """Limits of the suite."""
    adopted: bool = False
    """Whether an earlier run submitted it."""
    _place: int = 0
    """Bytes of the events that were read."""
    _unread: int = 0
    _end: RemoteEnd | None = None
    _end_seen: float = 0.0
    """When the end was first seen, by this machine's clock."""
    _node: str | None = None
    _began: float | None = None
    _beaten: tuple[int, float] = (0, 0.0)
    """The last sign of life, and when it was seen by this machine's clock."""
    _asked: float = field(default_factory=lambda: time.monotonic())
    _gone: str | None = None
    """Why it is taken for lost, or ended at a limit."""
    _came_to_end: float | None = None
    """When its program first reported so, by this machine's clock."""
    _outgrown: Outgrown | None = None
    """The limit that its program ended it at."""

    @property
    def node(self) -> str | None:
        """The name that the node gives itself."""
        return self._node

    @property
    def machine(self) -> Machine | None:
        """The node's description of itself at the job's end."""
        return None if self._end is None else self._end.machine

    @property
    def waitables(self) -> Sequence[Any]:
        """Nothing to wait for but time."""
        return ()

    @property
    def pid(self) -> None:
        """Not on this machine."""
        return None

    @property
    def seconds(self) -> float:
        """Since the first sign of life that was seen; once its end was seen, as its node measured them."""
        if self._end is not None:
            return self._end.seconds
        return 0.0 if self._began is None else time.monotonic() - self._began

    def messages(self) -> Iterator[Event]:
        """Lines that have come. Events are only shown, so that one which is none ends neither job nor run."""
        try:
            with self.ticket.events.open("rb") as file:
                file.seek(self._place)
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.splitlines():
            try:
                event = event_of(json.loads(line))
            except (ValueError, RecursionError):
                self._unread += 1
                continue
            yield event

    @property
    def unread(self) -> int:
        """Lines of another version of the program, or that a file system brought in pieces."""
        return self._unread

    def ended(self) -> bool:
        """Whether its end and its files are there, or it is lost or was never started."""
        if self.refused is not None:
            return True
        if self._end is None and self._gone is None:
            self._end, self._end_seen = self.ticket.read_end(), time.monotonic()
        if self._end is not None:
            self._node = self._end.node
            waited = time.monotonic() - self._end_seen > _ARRIVAL_SECONDS
            return waited or self._end.failure is not None or arrived(self.ticket.job, self._end.files)
        if self._gone is None:
            self._look()
        return self._gone is not None

    @property
    def failure(self) -> Failure | None:
        """What the node reports, files that are not as it states, or that it was ended, lost or not started."""
        if self.refused is not None:
            return Failure(kind="unavailable", message=self.refused)
        if self._end is None:
            return self._failure_without_end()
        if self._end.failure is not None:
            return self._end.failure
        wrong = differing(self.ticket.job, self._end.files)
        if wrong:
            return Failure(kind="exception", message=f"{wrong[0]} is not as node {self._end.node} wrote it")
        return None

    def _failure_without_end(self) -> Failure:
        if self._outgrown is not None:
            kind = "timeout" if self._outgrown == "seconds" else "out_of_memory"
            return Failure(kind=kind, message=self._gone or "")
        text = self._gone or "no end was seen"
        if self.handle is not None and (more := self.backend.logs(self.handle).strip()):
            text += f": {more.splitlines()[-1][:200]}"
        return Failure(kind="killed", message=text)

    @property
    def retry(self) -> Retry | None:
        """Whether its machine or program went away, or the plan's estimate was too low for it."""
        if self._gone is None:
            return None
        if self._outgrown is not None:
            doubled = self.allowance.doubled(self._outgrown)
            return Retry(reason="outgrew", allowance=doubled) if self._estimated(self._outgrown) else None
        orphaned = self.adopted and self.backend.ends_with_run
        return Retry(reason="orphaned" if orphaned else "lost")

    def give_turn(self) -> None:
        """Never asked for: its node has one job at a time."""

    def kill(self) -> None:
        """Cancel it; it counts as ended then."""
        self._cancel()
        self._gone = "cancelled"

    def stop(self) -> None:
        """Cancel it if it runs, and remove its files."""
        if self._end is None:
            self._cancel()
        shutil.rmtree(self.ticket.folder, ignore_errors=True)

    def _look(self) -> None:
        """Take note of signs of life, and of their absence."""
        now, beat = time.monotonic(), self.ticket.read_beat()
        if beat is not None and (beat.count, beat.node) != (self._beaten[0], self._node):
            self._beaten, self._node = (beat.count, now), beat.node
            self._began = now if self._began is None else self._began
            return
        if self.handle is None or now - self._asked < _ASK_SECONDS:
            return
        self._asked = now
        state = self.backend.state(self.handle)
        if state == "ended":
            self._came_to_end = now if self._came_to_end is None else self._came_to_end
            if now - self._came_to_end <= _ARRIVAL_SECONDS:
                return
        silent = self._began is not None and now - self._beaten[1] > LOST_SECONDS
        if (state not in (None, "active") or (silent and state is None)) and self.ticket.read_end() is None:
            self._outgrown = _OUTGROWN.get(state)
            self._gone = self._how_it_ended()

    def _how_it_ended(self) -> str:
        """What to report of a job that is gone without an end."""
        who = "its node" if self._node is None else f"node {self._node}"
        called = f"{self.backend.name} {self.handle}"
        if self._outgrown is not None:
            return f"{self.backend.name} ended it on {who} at {self._limit_text(self._outgrown)} ({called})"
        if self.adopted and self.backend.ends_with_run:
            return f"it ended on {who} with the run that began it ({called})"
        return f"{who} was lost ({called})"

    def _limit_text(self, outgrown: Outgrown) -> str:
        """The limit that it reached, and whose it was."""
        what = "its time limit" if outgrown == "seconds" else "its memory limit"
        if self._estimated(outgrown):
            amount = getattr(self.allowance, outgrown)
            size = f"{amount / 60:.0f} min" if outgrown == "seconds" else f"{amount:.1f} GiB"
            return f"{what}, {size} by the plan's estimate"
        limit = getattr(self.limits, outgrown)
        return what if limit is None else f"{what} (run.limits.{outgrown} = {limit:g})"

    def _estimated(self, outgrown: Outgrown) -> bool:
        """Whether the limit was the plan's estimate, and not one of the suite or of the program itself."""
        amount, limit = getattr(self.allowance, outgrown), getattr(self.limits, outgrown)
        return amount is not None and (limit is None or amount < limit)

    def _cancel(self) -> None:
        if self.handle is not None:
            self.backend.cancel(self.handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWatch:
    """A job by its files alone: the program that has it is not this run's."""

    ticket: JobFiles
    name: str
    """Name of that program."""
    ends_with_run: bool = True

    def state(self, handle: str) -> None:
        """Its signs of life say so, or nothing does."""

    def cancel(self, handle: str) -> None:
        """Withdraw the request: its node then ends the work."""
        self.ticket.request.unlink(missing_ok=True)

    def logs(self, handle: str) -> str:
        """None that this run could read."""
        return ""


def adopted(
    job: Job, folder: Path, backend: Backend | None = None, *, limits: Limits | None = None
) -> RemoteJob | None:
    """The job as an earlier run submitted it, by whatever executor: while it is alive, or with its result.

    `None` where there is none, and where it failed: a run that is begun again does failed jobs again. backend: that of
    this run, which is asked about its own jobs.
    """
    ticket = JobFiles(folder)
    request, submitted, end = ticket.read_request(), ticket.read_handle(), ticket.read_end()
    if request is None or submitted is None or request.digest != job.digest:
        return None
    own = backend if backend is not None and backend.name == submitted.program else None
    watcher: Watcher = own or JobWatch(ticket=ticket, name=submitted.program)
    if end is not None and end.failure is not None:
        return None
    age = ticket.beat_age()
    beats = age is not None and age < LOST_SECONDS
    if end is None and not beats and watcher.state(submitted.handle) not in ("active", "ended"):
        return None
    return RemoteJob(
        backend=watcher,
        ticket=ticket,
        handle=submitted.handle,
        allowance=submitted.allowance,
        limits=limits or Limits(),
        adopted=True,
    )
