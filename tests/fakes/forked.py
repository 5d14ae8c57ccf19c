"""A child as the executor starts it, but forked from the test's process, where the libraries are loaded."""

import time
from pathlib import Path

from bench.run.process.server import Child, ChildServer
from bench.spec import Spec


def start(kind: str, payload: Spec, folder: Path, *, module: str = "bench.worker.kinds", log: str = "log.txt") -> Child:
    """The child of one piece of work in `folder`."""
    folder.mkdir(exist_ok=True)
    return ChildServer(module=module, method="fork").start(kind, payload, folder=folder, log=folder / log)


def finish(child: Child, *, within: float = 240.0) -> float:
    """Hear it to its end; seconds that took."""
    began = time.monotonic()
    try:
        while not child.ended():
            assert time.monotonic() - began < within, "it hangs"
            child.wait(1)
    finally:
        child.stop()
    return time.monotonic() - began
