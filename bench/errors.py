"""What a user reads when something is wrong: what, where, hint, and the exit code.

Contract: everything the product refuses is a `BenchError` holding one or more `Problem`s. `bench.cli` prints them
as ``error[reference]: what``, the place, and ``hint: next step``, and exits with the error's code. Anything else that
reaches the user is a bug.
"""

import contextlib
import difflib
import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Self, TypeVar

T = TypeVar("T")

WRITE_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "EEXIST")
)
"""What the system says where a file cannot be written: a full disk, missing permission, something in the way."""


class ExitCode(IntEnum):
    """The exit codes of `bench`, stable for scripts and CI."""

    OK = 0
    GATE_FAILED = 1
    BAD_INPUT = 2
    INCOMPLETE = 3
    INTERNAL = 70
    """`EX_SOFTWARE` of sysexits.h: a fault of this program, not of the input."""
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, described so that the reader can fix it."""

    reference: str
    """Stable dotted name, such as ``suite.unknown-key``."""
    what: str
    """One sentence: what is wrong."""
    where: str | None = None
    """The key's path in the suite, or ``file:row``."""
    hint: str | None = None
    """The next step or command."""


class BenchError(Exception):
    """Carries all problems found in one pass. `exit_code` is what the process ends with."""

    exit_code: ExitCode = ExitCode.BAD_INPUT

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("; ".join(problem.what for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        """An error of another process is raised here as it was there."""
        return type(self), (self.problems,)


class InputError(BenchError):
    """The user's input is wrong: suite, data, model, arguments, or the machine cannot do what was asked."""


class InternalError(BenchError):
    """This program failed: a fault to report, which no change of the input is known to fix."""

    exit_code = ExitCode.INTERNAL


class IncompleteError(BenchError):
    """Work stopped without a wrong input; something is missing."""

    exit_code = ExitCode.INCOMPLETE


class InterruptedRunError(BenchError):
    """The user stopped the run; what was finished stays finished."""

    exit_code = ExitCode.INTERRUPTED


@contextlib.contextmanager
def collected(problems: list[Problem]) -> Iterator[None]:
    """What an `InputError` inside names goes to `problems`; what follows the block is done all the same."""
    try:
        yield
    except InputError as error:
        problems.extend(error.problems)


def attempted(problems: list[Problem], step: Callable[[], T]) -> T | None:
    """Result of `step`; `None` where it raises `InputError`, whose problems go to `problems`."""
    try:
        return step()
    except InputError as error:
        problems.extend(error.problems)
        return None


def did_you_mean(name: str, candidates: Iterable[str], *, none: str = "there is none to name") -> str:
    """The hint for a misspelt name: its closest known name, else the whole list if short; `none` without names."""
    names = sorted(candidates)
    if not names:
        return none
    by_lower = {known_name.lower(): known_name for known_name in reversed(names)}
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    close = close or [
        by_lower[lowered] for lowered in difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    ]
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
