"""A child as the executor starts it, but forked from the test's process, where the libraries are loaded."""

from __future__ import annotations

import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench.run.process.child import enter
from bench.run.process.server import Child
from bench.run.process.work import ChildRequest
from bench.spec import Spec


def start(kind: str, payload: Spec, folder: Path, *, module: str = "bench.worker.kinds", log: str = "log.txt") -> Child:
    """The child of one piece of work in `folder`."""
    folder.mkdir(exist_ok=True)
    request = ChildRequest(
        module=module, kind=kind, payload=payload.model_dump(mode="json"), folder=str(folder), log=str(folder / log)
    )
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process: BaseProcess = context.Process(target=enter, args=(request.model_dump_json().encode(), theirs))
    process.start()
    theirs.close()
    return Child(process, ours)  # type: ignore[arg-type]  # a fork of this process, not of a server


def finish(child: Child, *, within: float = 60.0) -> float:
    """Hear it to its end; seconds that took."""
    began = time.monotonic()
    try:
        while not child.ended():
            assert time.monotonic() - began < within, "it hangs"
            child.wait(1)
    finally:
        child.stop()
    return time.monotonic() - began
