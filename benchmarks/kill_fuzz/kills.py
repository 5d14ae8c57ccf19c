"""Ways to kill a run, and how it may end after each."""

import os
import random
import signal
from collections.abc import Callable

import psutil

Way = Callable[[psutil.Process, random.Random], list[int]]
"""Kills; the processes that were hit."""


def family(run: psutil.Process) -> list[psutil.Process]:
    """Everything below the run; empty once it is gone."""
    try:
        return run.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def hit_run(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to the run alone."""
    run.kill()
    return [run.pid]


def hit_group(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to everything at once, as at a power cut."""
    os.killpg(run.pid, signal.SIGKILL)
    return [run.pid]


def hit_child(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGKILL to one process below the run: a job's child or the fork server."""
    below = family(run)
    if not below:
        return []
    victim = draw.choice(below)
    victim.kill()
    return [victim.pid]


def terminate(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGTERM to the run."""
    run.terminate()
    return [run.pid]


def interrupt(run: psutil.Process, draw: random.Random) -> list[int]:
    """SIGINT to the group, as a terminal sends for Ctrl-C."""
    os.killpg(run.pid, signal.SIGINT)
    return [run.pid]


WAYS: dict[str, Way] = {
    "kill run": hit_run, "kill group": hit_group, "kill child": hit_child, "terminate": terminate,
    "ctrl-c": interrupt,
}  # fmt: skip
CODES = {
    "kill run": {-9}, "kill group": {-9}, "kill child": {0, 2, 3}, "terminate": {130, -15}, "ctrl-c": {130, -2},
}  # fmt: skip
"""How the run may end after each. 2: it lost the child that checks the suite, and said so. -15 and -2: only in the
moment before it has its handlers."""
