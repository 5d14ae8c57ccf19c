"""What surrounds a run: signals that interrupt it, one process per folder, other nodes, no process left behind."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from bench.errors import InterruptedRunError, Problem
from bench.record.rundir import RunDirectory
from bench.run.display import Display
from bench.run.process.allocation import allocation
from bench.run.process.invitations import folder_of, hosting
from bench.run.process.locks import folder_lock
from bench.run.process.server import ChildServer


def hosting_nodes(home: Path) -> contextlib.AbstractContextManager[None]:
    """Other nodes of the allocation wait for this run, and end with it."""
    place = allocation()
    return hosting(folder_of(home, place)) if place.nodes > 1 else contextlib.nullcontext()


@contextlib.contextmanager
def exclusive(directory: RunDirectory, display: Display) -> Iterator[None]:
    """Only one process fills a run directory; a second waits, and then finds the jobs done."""
    lock = folder_lock(directory.path)
    lock.acquire(lambda: display.note(f"another bench run fills {directory.path}; waiting for it"))
    with lock:
        yield


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM stops a run as Ctrl-C does: children ended, record written, exit code 130."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread only
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt as error:
        problem = Problem(
            reference="run.interrupted", what="stopped before any job began", hint="the same command starts again"
        )
        raise InterruptedRunError(problem) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def server_ended_on_error(server: ChildServer) -> Iterator[None]:
    """A refused or stopped run leaves no process behind that still imports libraries."""
    try:
        yield
    except BaseException:
        server.kill()
        raise
