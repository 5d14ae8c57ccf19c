"""A worker whose jobs run in several processes that fail as they are asked to."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.emit import Emit
from bench.errors import InputError, Problem
from bench.launch.elastic import Group, in_ranks
from bench.run.process.work import WorkKind
from bench.spec import Spec
from bench.suite.tables.training.launch import Launch


class Asked(Spec):
    """How the first and the last process go about it."""

    processes: int = 3
    lead: str = "return"
    follow: str = "wait"


def ranks(payload: Asked, folder: Path, emit: Emit) -> str:
    """Work in `processes`; each leaves its process number."""
    last = payload.processes - 1

    def follow() -> None:
        rank = int(os.environ["RANK"])
        (folder / f"rank{rank}.txt").write_text(str(os.getpid()))
        _go_about(payload.follow if rank == last else "wait" if payload.follow != "return" else "return")

    def lead() -> None:
        (folder / "rank0.txt").write_text(str(os.getpid()))
        while len(list(folder.glob("rank*.txt"))) < payload.processes:
            time.sleep(0.01)
        _go_about(payload.lead)
        (folder / "value.txt").write_text(f"{os.environ['RANK']} of {os.environ['WORLD_SIZE']}")

    in_ranks(Group(launch=Launch(processes=payload.processes), folder=folder), lead, follow)
    return (folder / "value.txt").read_text()


def _go_about(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "raise":
        raise MemoryError("no more")
    if how == "refuse":
        raise InputError(Problem(reference="echo.no", what="no", where="here", hint="try yes"))
    if how == "follow":  # what a peer's death looks like to the others
        time.sleep(0.2)
        raise RuntimeError("Connection closed by peer")
    time.sleep({"return": 0.0, "wait": 60.0}[how])


KINDS: dict[str, WorkKind[Any]] = {"ranks": WorkKind(payload=Asked, do=ranks)}
