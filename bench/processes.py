"""Large work of a command shared out among processes of its own, so that it takes the time of the longest share.

Contract: results are those of doing the work in this process, in the order of its pieces. Outside `shared_out`, and for
work that is not worth a process's start, it is done here; so is what a process that was killed left undone.
"""

import contextlib
import functools
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from os import _exit
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")

LARGE = 200_000
"""Rows of scores that take as long to read as a process takes to start, half a second."""
_MOST = 4
"""Processes, each of which holds the pieces that it works on."""
_executor: ContextVar["Callable[[], Executor] | None"] = ContextVar("executor", default=None)


@contextlib.contextmanager
def shared_out(cores: int) -> Iterator[None]:
    """While open, `each` may use processes, which start with the first large work. Of one core nothing is shared."""
    with contextlib.ExitStack() as closing:

        @functools.cache
        def executor() -> "Executor":
            from concurrent.futures import ProcessPoolExecutor  # what little work does not import

            made = ProcessPoolExecutor(
                min(cores, _MOST), get_context("spawn"), initializer=_prepare, initargs=gc.get_threshold()
            )
            closing.callback(made.shutdown, cancel_futures=True)
            return made

        token = _executor.set(executor if cores > 1 else None)
        try:
            yield
        finally:
            _executor.reset(token)


def each(function: Callable[[_Piece], _Result], pieces: Sequence[_Piece], *, rows: int) -> Iterator[_Result]:
    """Result of each piece, in order; other processes begin at once. function: of a module, which they find by name.
    rows: of all pieces."""
    start = _executor.get()
    if start is None or rows < LARGE or len(pieces) < 2:
        return map(function, pieces)
    with without_main():
        return _until_killed(start().map(function, pieces), function, pieces)


def _until_killed(
    results: Iterator[_Result], function: Callable[[_Piece], _Result], pieces: Sequence[_Piece]
) -> Iterator[_Result]:
    """The results; from where another process was killed they are made here."""
    from concurrent.futures.process import BrokenProcessPool  # as above

    done = 0
    with contextlib.suppress(BrokenProcessPool):
        for result in results:
            yield result
            done += 1
    yield from map(function, pieces[done:])


def _prepare(*collected_after: int) -> None:
    gc.set_threshold(*collected_after)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    end_with_parent()


def end_with_parent() -> None:
    """A thread that ends this process when its parent is gone, however the parent ended."""
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        _exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Hide `__main__`, which each process that is started would otherwise run again before its work."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
