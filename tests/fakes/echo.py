"""A worker for tests of children themselves."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem
from bench.run.life import Emit, Work


def echo(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """Prints from Python and past it, and gives the payload back."""
    print("python says")
    os.write(2, b"native says\n")
    return payload


def main(payload: dict[str, Any], folder: Path, emit: Emit) -> str | None:
    """Where `__main__` was run again, if it was."""
    return getattr(sys.modules.get("__mp_main__"), "__file__", None)


def refuse(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Two problems."""
    raise InputError(
        [
            Problem(reference="echo.no", what="no", where="here", hint="try yes"),
            Problem(reference="echo.no", what="no, again"),
        ]
    )


def tell_and_die(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Messages, and SIGKILL at once."""
    for n in range(payload["count"]):
        emit({"type": "n", "n": n})
    os.kill(os.getpid(), signal.SIGKILL)


def leave_helper(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Forks a process that holds all its files for a while."""
    if os.fork() == 0:
        time.sleep(payload["seconds"])
        os._exit(0)


def stubborn(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Does not end when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit({"type": "ready"})
    time.sleep(60)


KINDS: dict[str, Work] = {
    "echo": echo,
    "main": main,
    "refuse": refuse,
    "tell_and_die": tell_and_die,
    "leave_helper": leave_helper,
    "stubborn": stubborn,
}
