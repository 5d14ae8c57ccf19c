"""A worker for tests of children themselves."""

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.emit import Emit, RequestCompleted, RowsMeasured, StepDone
from bench.errors import InputError, Problem
from bench.run.process.payloads import BuildRequest, BuiltBase
from bench.run.process.work import Service, WorkKind
from bench.spec import Spec


class Asked(Spec):
    """What the kinds here are asked with."""

    text: str = ""
    count: int = 0
    seconds: float = 0.0


def echo(payload: Asked, folder: Path, emit: Emit) -> Asked:
    """Prints from Python and past it, and gives the payload back."""
    print("python says")
    os.write(2, b"native says\n")
    return payload


def refuse(payload: Asked, folder: Path, emit: Emit) -> None:
    """Two problems."""
    raise InputError(
        [
            Problem(reference="echo.no", what="no", where="here", hint="try yes"),
            Problem(reference="echo.no", what="no, again"),
        ]
    )


def tell_and_die(payload: Asked, folder: Path, emit: Emit) -> None:
    """Messages, and SIGKILL at once."""
    for n in range(payload.count):
        emit(StepDone(step=n, steps=payload.count))
    os.kill(os.getpid(), signal.SIGKILL)


def meet(payload: Asked, folder: Path, emit: Emit) -> str:
    """Waits until as many as `count` are here at the same time."""
    (folder / f"here-{payload.text}").touch()
    deadline = time.monotonic() + 60
    while len([*folder.glob("here-*")]) < payload.count:
        if time.monotonic() > deadline:
            raise InputError(Problem(reference="echo.alone", what="nobody came"))
        time.sleep(0.01)
    return payload.text


def leave_helper(payload: Asked, folder: Path, emit: Emit) -> None:
    """Forks a process that holds all its files for a while."""
    helper = os.fork()
    if helper == 0:
        time.sleep(payload.seconds)
        os._exit(0)
    (folder / "helper.txt").write_text(str(helper))


def stubborn(payload: Asked, folder: Path, emit: Emit) -> None:
    """Does not end when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit(RowsMeasured(done=0, total=0))
    time.sleep(60)


def repeat(payload: Asked, folder: Path, emit: Emit, requests: Iterator[Asked]) -> int:
    """A service: says its process first; then each request comes back with the payload and its number."""
    emit(RowsMeasured(done=os.getpid(), total=0))
    for number, request in enumerate(requests):
        text = payload.text + request.text
        emit(RequestCompleted(index=number, text=text, finish_reason="stop", prompt_tokens=0, completion_tokens=0))
    return 0


def build(payload: BuildRequest, folder: Path, emit: Emit) -> BuiltBase:
    """A base made at once; its tokens are its seed."""
    emit(StepDone(step=1, steps=2, loss=1.5, tokens_per_second=10.0))
    return BuiltBase(parameters=1234567, loss=1.5, tokens=payload.seed, seconds=2.0, sha256="ab" * 32)


def collector(payload: Asked, folder: Path, emit: Emit) -> Asked:
    """Whether garbage is collected here (`count`), and what the server imported first (`text`)."""
    ours = [name for name in sys.modules if name.startswith(("bench.", "tests."))]
    return Asked(count=gc.isenabled(), text=next(name for name in ours if name.count(".") == 3))


KINDS: dict[str, WorkKind[Any]] = {
    **{
        kind.__name__: WorkKind(payload=Asked, do=kind)
        for kind in (echo, refuse, collector, tell_and_die, meet, leave_helper, stubborn)
    },
    "build": WorkKind(payload=BuildRequest, do=build),
}

SERVICES: dict[str, Service[Any, Any]] = {"repeat": Service(payload=Asked, request=Asked, do=repeat)}
