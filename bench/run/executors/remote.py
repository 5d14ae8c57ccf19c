"""Jobs on other machines: a folder that both see has the request, the signs of life and the end.

What differs between Ray, Slurm and a user's command is four calls of a `Backend`; everything that a run promises of a
job is done here, by files.
"""

import json
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.emit import Event, event_of
from bench.record.environment import device
from bench.record.files import LOG
from bench.record.jobs.eval_job import AnswerJob, LoadedWeights, ShareJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.run.executors.backend import Backend, Submission, Watcher
from bench.run.executors.executor import RunningJob
from bench.run.executors.remote_files import BEAT_SECONDS, JobFiles, RemoteEnd, RemoteRequest, arrived, differing
from bench.run.process.server import WORKER
from bench.run.process.work import ChildRequest

LOST_SECONDS = 12 * BEAT_SECONDS
"""Without a sign of life a node is lost."""
_POLL_SECONDS = 2.0
"""Between looks at the files of jobs: each look opens three, on a file system that others use, too."""
_ASK_SECONDS = 10.0
"""Between questions to the backend about a job that gives no sign of life."""
_ARRIVAL_SECONDS = 60.0
"""A network mount may show a result's files that much later than its end (NFS looks again after `acdirmax`)."""


@dataclass(slots=True, kw_only=True)
class RemoteJob:
    """One job, by its files."""

    backend: Watcher
    ticket: JobFiles
    handle: str
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
    """Why it is taken for lost."""

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
        """Whether its end and its files are there, or it is lost."""
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
        """What the node reports, files that are not as it states, or that it was lost."""
        if self._end is None:
            text = self._gone or "no end was seen"
            if more := self.backend.logs(self.handle).strip():
                text += f": {more.splitlines()[-1][:200]}"
            return Failure(kind="killed", message=text)
        if self._end.failure is not None:
            return self._end.failure
        wrong = differing(self.ticket.job, self._end.files)
        if wrong:
            return Failure(kind="exception", message=f"{wrong[0]} is not as node {self._end.node} wrote it")
        return None

    @property
    def lost(self) -> bool:
        """Whether it gave no sign of life, or its program does not know it any more."""
        return self._gone is not None

    @property
    def orphaned(self) -> bool:
        """Whether it ended with the run that submitted it, as far as its program can tell."""
        return self.lost and self.adopted and self.backend.ends_with_run

    def kill(self) -> None:
        """Cancel it; it counts as ended then."""
        self.backend.cancel(self.handle)
        self._gone = "cancelled"

    def stop(self) -> None:
        """Cancel it if it runs, and remove its files."""
        if self._end is None:
            self.backend.cancel(self.handle)
        shutil.rmtree(self.ticket.folder, ignore_errors=True)

    def _look(self) -> None:
        """Take note of signs of life, and of their absence."""
        now, beat = time.monotonic(), self.ticket.read_beat()
        if beat is not None and (beat.count, beat.node) != (self._beaten[0], self._node):
            self._beaten, self._node = (beat.count, now), beat.node
            self._began = now if self._began is None else self._began
            return
        if now - self._asked < _ASK_SECONDS:
            return
        self._asked = now
        alive = self.backend.alive(self.handle)
        silent = self._began is not None and now - self._beaten[1] > LOST_SECONDS
        if (alive is False or (silent and alive is None)) and self.ticket.read_end() is None:
            who = "its node" if self._node is None else f"node {self._node}"
            self._gone = f"{who} was lost ({self.backend.name} {self.handle})"
            if self.adopted and self.backend.ends_with_run:
                self._gone = f"it ended on {who} with the run that began it ({self.backend.name} {self.handle})"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWatch:
    """A job by its files alone: the program that has it is not this run's."""

    ticket: JobFiles
    name: str
    """Name of that program."""
    ends_with_run: bool = True

    def alive(self, handle: str) -> None:
        """Its signs of life say so, or nothing does."""

    def cancel(self, handle: str) -> None:
        """Withdraw the request: its node then ends the work."""
        self.ticket.request.unlink(missing_ok=True)

    def logs(self, handle: str) -> str:
        """None that this run could read."""
        return ""


def adopted(job: Job, folder: Path, backend: Backend | None = None) -> RemoteJob | None:
    """The job as an earlier run submitted it, by whatever executor: while it is alive, or with its result.

    `None` where there is none, and where it failed: a run that is begun again does failed jobs again. backend: that of
    this run, which is asked about its own jobs.
    """
    ticket = JobFiles(folder)
    request, submitted, end = ticket.read_request(), ticket.read_handle(), ticket.read_end()
    if request is None or submitted is None or request.digest != job.digest:
        return None
    name, handle = submitted
    own = backend if backend is not None and backend.name == name else None
    watcher: Watcher = own or JobWatch(ticket=ticket, name=name)
    if end is not None and end.failure is not None:
        return None
    age = ticket.beat_age()
    alive = end is not None or (age is not None and age < LOST_SECONDS) or watcher.alive(handle) is True
    return RemoteJob(backend=watcher, ticket=ticket, handle=handle, adopted=True) if alive else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteExecutor:
    """Jobs through a backend."""

    backend: Backend
    jobs: int
    gpus: int
    """GPUs of each process; 0 where the nodes compute on processors."""
    home: str
    """`BENCH_HOME` on the nodes."""
    module: str = WORKER
    seconds: float | None = None
    """Limit of the suite."""
    memory_gib: float | None = None
    """Limit of the suite."""
    python: str = sys.executable
    """On the nodes."""
    attempts: int = 3

    @property
    def poll_seconds(self) -> float:
        """Seconds between looks."""
        return _POLL_SECONDS

    @property
    def at_once(self) -> int:
        """Jobs that are submitted and not ended, at most."""
        return self.jobs

    def adopt(self, job: Job, folder: Path) -> RemoteJob | None:
        """A job that is alive, by its files or by what this backend says, or that has ended with a result."""
        return adopted(job, folder, self.backend)

    def submit(self, job: Job, folder: Path, *, lock: Path) -> RemoteJob:
        """Write the request, then hand its command to the backend. The lock stays with the run."""
        del lock
        ticket = JobFiles(folder)
        shutil.rmtree(ticket.folder, ignore_errors=True)
        ticket.folder.mkdir(parents=True)
        attempt = time.time_ns() // 1_000_000
        work = ChildRequest(
            module=self.module, kind=job.kind, payload=job.model_dump(mode="json"), folder=str(folder),
            log=str(folder / LOG),
        )  # fmt: skip
        processes, threads = _size(job)
        request = RemoteRequest(
            digest=job.digest, device=device().partition(":")[0], threads=threads, attempt=attempt, work=work
        )
        write_text(ticket.request, request.model_dump_json())
        handle = self.backend.submit(
            Submission(
                name=f"bench-{job.digest[:12]}-{attempt % 10**8:08d}",
                folder=str(folder),
                command=("env", f"BENCH_HOME={self.home}", self.python, "-m", "bench.node", str(folder), str(attempt)),
                gpus=self.gpus * processes,
                cores=processes * threads,
                seconds=self.seconds,
                memory_gib=self.memory_gib,
            )
        )
        write_text(ticket.handle, json.dumps([self.backend.name, handle]))
        return RemoteJob(backend=self.backend, ticket=ticket, handle=handle)

    @property
    def kept(self) -> Collection[LoadedWeights]:
        """None: each job has a process of its own."""
        return ()

    def release(self, but: Collection[str] = ()) -> None:
        """Nothing to end."""

    def stop_all(self, jobs: Sequence[RunningJob]) -> None:
        """Cancel all."""
        for job in jobs:
            job.stop()


def _size(job: Job) -> tuple[int, int]:
    """Processes of a job on its node, and threads of each."""
    training = job.training if isinstance(job, SweepJob | ProbeJob) else job
    if isinstance(training, TrainJob):
        return training.recipe.launch.per_node, training.threads
    scoring = training.scoring if isinstance(training, TrajectoryJob) else training
    return 1, (scoring.asking if isinstance(scoring, AnswerJob | ShareJob) else scoring).threads
