"""Why work in a child failed, as the child reports it and the parent, or the leader of its ranks, reads it."""

from typing import Literal, Self

from bench.emit import Event
from bench.errors import BenchError, IncompleteError, InputError, Problem
from bench.record.record import Failure, FailureKind

_MESSAGE_CHARACTERS = 300
_ALLOCATION_FAILURES = ("can't allocate memory", "out of memory", "Cannot allocate memory")


class JobFailedError(Exception):
    """The work failed elsewhere, in a way that has a name: in another process of the same job."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FailureReport(Event):
    """A child's last event where its work failed."""

    type: Literal["failed"] = "failed"
    kind: FailureKind
    message: str
    """One line."""
    problems: tuple[Problem, ...] = ()
    """Problems of the input, where the work was refused."""

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """The report on an exception."""
        text = str(error).strip()
        line = text.splitlines()[0] if text else ""
        name = "" if isinstance(error, BenchError | JobFailedError) else type(error).__name__
        message = ": ".join(part for part in (name, line) if part) or type(error).__name__
        problems = error.problems if isinstance(error, BenchError) else ()
        if len(problems) == 1 and problems[0].hint is not None:
            message += f" ({problems[0].hint})"
        return cls(kind=failure_kind(error), message=message[:_MESSAGE_CHARACTERS], problems=problems)

    @property
    def failure(self) -> Failure:
        """The failure for the record."""
        return Failure(kind=self.kind, message=self.message)

    def error(self) -> Exception:
        """An exception with the same report: `InputError` with its problems, else `JobFailedError`."""
        return InputError(self.problems) if self.problems else JobFailedError(self.kind, self.message)


def failure_kind(error: BaseException) -> FailureKind:
    """Kind of failure of an exception. Torch's own class is known by its name: this module does not import torch."""
    if isinstance(error, JobFailedError):
        return error.kind
    names = {base.__name__ for base in type(error).__mro__}
    if isinstance(error, MemoryError) or "OutOfMemoryError" in names:
        return "out_of_memory"
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in _ALLOCATION_FAILURES):
        return "out_of_memory"
    if isinstance(error, FloatingPointError):
        return "diverged"
    if isinstance(error, IncompleteError):
        return "unavailable"
    if isinstance(error, BenchError):
        return "refused"
    return "exception"
