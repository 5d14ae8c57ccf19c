"""Pieces of work for processes that are started for them, which import this file and no library."""

import os
import signal

from bench.errors import InputError, Problem


def where(number: int) -> tuple[int, int]:
    """The piece, and the process that works on it."""
    return number, os.getpid()


def refuse(number: int) -> int:
    """Refuses every piece."""
    raise InputError(Problem(reference="test.refused", what="no", where=f"row {number}", hint="another"))


def die_elsewhere(piece: tuple[int, int]) -> int:
    """The number of a piece (number, process); another process dies of number 2."""
    number, parent = piece
    if number == 2 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
