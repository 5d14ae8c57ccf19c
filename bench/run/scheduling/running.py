"""A job that runs, from its start to its end."""

import time
from dataclasses import dataclass

from bench.emit import Event, ReadyForTurn, StepDone
from bench.record.record import Failure
from bench.record.results.training.result import TrainResult
from bench.record.store import JobStore
from bench.run.executors.executor import RunningJob
from bench.run.executors.local import HERE
from bench.run.plan.types import PlannedJob
from bench.run.process.limits import exceeded
from bench.run.process.locks import FileLock
from bench.suite.tables.suite import Limits


@dataclass(slots=True, kw_only=True)
class Running:
    """A job of this run that an executor has."""

    job: PlannedJob
    work: RunningJob
    lock: FileLock
    started: str
    clock: float
    """When it was asked for."""
    shared: bool = False
    """Whether another job of this run ran beside it, on the same machine, at any time."""
    ended_for: Failure | None = None
    """Why it was ended from here."""
    stepped: bool = False
    """Whether it is a training that has done a step."""
    prepared: float | None = None
    """Since when it waits for its turn; `None` before that and in its turn."""
    in_turn: bool = False
    """Whether it had to wait for its turn, and has it."""
    follows: str | None = None
    """Digest of the training whose stored steps it scores while that goes on; `None`: of none that does."""
    waited: float = 0.0
    """Seconds that it followed a training, or waited for its turn, which no limit is about."""

    @property
    def elsewhere(self) -> str | None:
        """Name of the machine, where it is not this one."""
        return None if self.work.node == HERE else self.work.node

    @property
    def preparing(self) -> bool:
        """Whether others may prepare beside it on this machine, which no speed of it has to do with."""
        return self.job.takes_turns and self.elsewhere is None and not self.in_turn

    @property
    def beginning(self) -> bool:
        """Whether it is preparing, and not yet prepared: others may still begin beside it."""
        return self.preparing and self.prepared is None

    @property
    def seconds(self) -> float:
        """Wall seconds since it was asked for, or began elsewhere, without those that it waited for its turn."""
        whole = max(time.monotonic() - self.clock, self.work.seconds)
        return whole - self.waited if self.job.takes_turns else whole

    def hear(self, event: Event) -> None:
        """Note what its events say of where it is."""
        self.stepped |= isinstance(event, StepDone)
        if isinstance(event, ReadyForTurn):
            self.prepared = time.monotonic()

    def give_turn(self) -> None:
        """Have a prepared job go on, alone."""
        assert self.prepared is not None, "it waits"
        self.waited += time.monotonic() - self.prepared
        self.prepared, self.in_turn = None, True
        self.work.give_turn()

    def end(self, failure: Failure) -> None:
        """End it for this reason, unless it was ended for another before."""
        if self.ended_for is None:
            self.ended_for = failure
            self.work.kill()

    def hold_to(self, limits: Limits) -> None:
        """End it where it exceeds a limit."""
        if self.ended_for is None:
            waits = self.follows is not None or self.prepared is not None
            seconds = 0.0 if waits else self.work.seconds - self.waited
            failure = exceeded(limits, pid=self.work.pid, seconds=seconds, processes=self.job.processes)
            if failure is not None:
                self.end(failure)

    def stop_following(self, failure: Failure | None) -> None:
        """The training that it follows is over: it goes on alone, or ends with it for this reason."""
        self.follows, self.waited = None, self.work.seconds
        if failure is not None:
            self.end(failure)

    def commit(self, store: JobStore, seconds: float) -> Failure | None:
        """Make the result count. A missing, malformed or diverged one is a failure; the latter stays to be shown."""
        digest = self.job.digest
        try:
            result = store.result(digest)
            if isinstance(result, TrainResult) and result.diverged:
                return Failure(kind="diverged", message=f"stopped at step {len(result.steps)}: the loss ran away")
            store.commit(
                digest,
                started=self.started,
                seconds=seconds,
                alone=not self.shared,
                node=self.elsewhere,
                machine=self.work.machine,
            )
        except (OSError, ValueError) as error:
            return Failure(kind="exception", message=f"no whole result: {str(error).splitlines()[0]}")
        return None
