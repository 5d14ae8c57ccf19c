"""Jobs on other machines: a folder that both see has the request, the signs of life and the end.

What differs between Ray, Slurm and a user's command is a `Backend`; everything that a run promises of a job is done by
files (`remote_job.py`). Jobs that are ready together are handed over together.
"""

import shutil
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.atomic import write_text
from bench.errors import Problem
from bench.record.environment import device
from bench.record.files import LOG
from bench.record.jobs.eval_job import AnswerJob, LoadedWeights, ShareJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance
from bench.run.executors.backend import Backend, Submission
from bench.run.executors.executor import RunningJob
from bench.run.executors.remote_files import JobFiles, RemoteHandle, RemoteRequest
from bench.run.executors.remote_job import RemoteJob, adopted
from bench.run.process.server import WORKER
from bench.run.process.work import ChildRequest
from bench.suite.tables.suite import Limits

_POLL_SECONDS = 2.0
"""Between looks at the files of jobs: each look opens three, on a file system that others use, too."""


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
    limits: Limits = field(default_factory=Limits)
    """Limits of the suite."""
    python: str = sys.executable
    """On the nodes."""
    attempts: int = 3
    _ready: list[tuple[RemoteJob, Submission]] = field(default_factory=list, init=False)
    """What the next call of `dispatch` submits."""

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
        return adopted(job, folder, self.backend, limits=self.limits)

    def submit(self, job: Job, folder: Path, *, lock: Path, allowance: Allowance = NO_ALLOWANCE) -> RemoteJob:
        """Write the request; `dispatch` hands its command to the backend. The lock stays with the run."""
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
        allowed = self.backend.allowed(allowance)
        submission = Submission(
            name=f"bench-{job.digest[:12]}-{attempt % 10**8:08d}",
            stage=job.kind,
            folder=str(folder),
            command=("env", f"BENCH_HOME={self.home}", self.python, "-m", "bench.node", str(folder), str(attempt)),
            gpus=self.gpus * processes,
            cores=processes * threads,
            limits=self.limits,
            allowance=allowed,
        )
        running = RemoteJob(backend=self.backend, ticket=ticket, allowance=allowed, limits=self.limits)
        self._ready.append((running, submission))
        return running

    def dispatch(self) -> None:
        """Hand all jobs that were submitted since the last call to the backend, together."""
        ready = [*self._ready]
        self._ready.clear()
        answers = self.backend.submit([submission for _, submission in ready]) if ready else ()
        for (running, submission), answer in zip(ready, answers, strict=True):
            if isinstance(answer, Problem):
                running.refused = answer.what
                continue
            running.handle = answer
            handle = RemoteHandle(program=self.backend.name, handle=answer, allowance=submission.allowance)
            write_text(running.ticket.handle, handle.model_dump_json())

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
