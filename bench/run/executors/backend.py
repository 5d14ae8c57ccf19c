"""What starts commands on other machines: Ray, Slurm, a user's command. `remote.py` does the rest."""

from collections.abc import Sequence
from typing import Literal, Protocol

from bench.errors import Problem
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance
from bench.spec import Spec
from bench.suite.tables.suite import Limits

JobState = Literal["active", "ended", "gone", "out_of_time", "out_of_memory"]
"""`active`: waits or runs; `ended`: it came to its end, so that its files will be seen; `gone`: the program does not
have it any more; else it was ended at one of its limits."""


class Submission(Spec):
    """What a backend is given."""

    name: str
    """A name that is valid in Kubernetes and Slurm; another for each attempt."""
    stage: str
    """Kind of the job."""
    folder: str
    command: tuple[str, ...]
    """Does the job, on any machine that sees the folder."""
    gpus: int
    cores: int
    limits: Limits
    """Limits of the suite."""
    allowance: Allowance = NO_ALLOWANCE
    """By the plan; what `Backend.allowed` left of it."""


class Watcher(Protocol):
    """What can be asked about a command that was started."""

    @property
    def name(self) -> str:
        """Kept with the handle: another program does not know it."""

    @property
    def ends_with_run(self) -> bool:
        """Whether a job that is gone may have ended with the run that submitted it: its machine may be there."""

    def state(self, handle: str) -> JobState | None:
        """How it is with it; `None` where the program does not say."""

    def cancel(self, handle: str) -> None:
        """End it. Harmless on one that has ended."""

    def logs(self, handle: str) -> str:
        """What the program has of its output, beyond the job's own log; empty if nothing."""


class Backend(Watcher, Protocol):
    """Another program that starts commands on machines."""

    def allowed(self, allowance: Allowance) -> Allowance:
        """The part of a plan's allowance that the program is asked for."""

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str | Problem]:
        """Start jobs that are ready together; of each a handle, as text, that the other calls take, or why it was not
        started."""
