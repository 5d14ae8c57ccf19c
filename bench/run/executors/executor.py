"""What the scheduler asks of whatever runs jobs, this machine or others: an executor, and each job that it runs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from bench.emit import Event
from bench.record.jobs.eval_job import LoadedWeights
from bench.record.jobs.job import Job
from bench.record.machine import Machine
from bench.record.record import Failure
from bench.run.executors.allowance import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Why a job that failed may be submitted again."""

    reason: Literal["lost", "orphaned", "outgrew"]
    """`lost`: its machine went away; `orphaned`: it ended with the run that submitted it, and its machine may be there
    as before; `outgrew`: the plan's estimate was too low for it."""
    allowance: Allowance | None = None
    """For the next attempt of a job that outgrew its last."""


class RunningJob(Protocol):
    """One submitted job."""

    @property
    def node(self) -> str | None:
        """Name of the machine that runs it; `None` while it waits for one."""

    @property
    def machine(self) -> Machine | None:
        """What that machine is; `None` before its node described it."""

    @property
    def waitables(self) -> Sequence[Any]:
        """What `multiprocessing.connection.wait` can wait for; none where files are looked at."""

    @property
    def pid(self) -> int | None:
        """Its process, where that is on this machine."""

    @property
    def seconds(self) -> float:
        """Seconds that it has run, without what it waited for."""

    def messages(self) -> Iterator[Event]:
        """Events that have come since the last call."""

    @property
    def unread(self) -> int:
        """Messages so far that were no events, and are left out."""

    def ended(self) -> bool:
        """Whether it has ended and all its events were read."""

    @property
    def failure(self) -> Failure | None:
        """Why it brought no result; `None` if it did. Only after the end."""

    @property
    def retry(self) -> Retry | None:
        """Whether it may be submitted again, and why. Only after the end."""

    def give_turn(self) -> None:
        """Tell a job that is `ReadyForTurn` that nothing else works on its machine now."""

    def kill(self) -> None:
        """End it at once; its end is still to be seen."""

    def stop(self) -> None:
        """End it if it runs, and clear up. Harmless on one that has ended."""


class Executor(Protocol):
    """What runs jobs."""

    @property
    def at_once(self) -> int | None:
        """Jobs side by side; `None`: as many workers as the plan has, each process of a job one of them."""

    @property
    def poll_seconds(self) -> float:
        """Between looks at its jobs, where no event comes before."""

    @property
    def attempts(self) -> int:
        """How often a job is submitted whose machine goes away."""

    @property
    def kept(self) -> Collection[LoadedWeights]:
        """What idle processes of it have loaded (`bench.record.jobs.job.loaded_weights`)."""

    def release(self, but: Collection[str] = ()) -> None:
        """End idle processes, but for those with these bases."""

    def adopt(self, job: Job, folder: Path) -> RunningJob | None:
        """The job as an earlier run submitted it, if it still runs or has ended unseen."""

    def submit(self, job: Job, folder: Path, *, lock: Path, allowance: Allowance) -> RunningJob:
        """Submit it; `folder` is its own, with nothing in it but checkpoints. allowance: by the plan."""

    def dispatch(self) -> None:
        """Nothing more is ready for now: begin what was submitted."""

    def stop_all(self, jobs: Sequence[RunningJob]) -> None:
        """Stop all of them at once, and every idle process."""
