"""What starts commands on other machines, in four calls: Ray, Slurm, a user's command. `remote.py` does the rest."""

from typing import Protocol

from bench.spec import Spec


class Submission(Spec):
    """What a backend is given."""

    name: str
    """A name that is valid in Kubernetes and Slurm; another for each attempt."""
    folder: str
    command: tuple[str, ...]
    """Does the job, on any machine that sees the folder."""
    gpus: int
    cores: int
    seconds: float | None
    """Limit of the suite."""
    memory_gib: float | None
    """Limit of the suite."""


class Watcher(Protocol):
    """What can be asked about a command that was started."""

    @property
    def name(self) -> str:
        """Kept with the handle: another program does not know it."""

    @property
    def ends_with_run(self) -> bool:
        """Whether a job that is gone may have ended with the run that submitted it: its machine may be there."""

    def alive(self, handle: str) -> bool | None:
        """Whether it waits or runs; `None` where the program does not say."""

    def cancel(self, handle: str) -> None:
        """End it. Harmless on one that has ended."""

    def logs(self, handle: str) -> str:
        """What the program has of its output, beyond the job's own log; empty if nothing."""


class Backend(Watcher, Protocol):
    """Another program that starts commands on machines."""

    def submit(self, submission: Submission) -> str:
        """Start it; a handle, as text, that the other calls take. Raises `InputError` where it cannot."""
