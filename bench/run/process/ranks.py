"""The processes of one training: the job's child leads and forks the others, which live no longer than it does.

Contract: all of them do the same work on the same machine, as ranks of one torch process group over loopback. The
first end that was not a success is the job's failure, with its own reason, wherever the leader waits at that moment;
no rank outlives the leader, however that ends. Forking comes before any device is touched: a fork of a process that
has one cannot use it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection as mp_connection
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import TypeVar

from bench.emit import Emit
from bench.run.process.child import end_with_parent
from bench.run.process.environ import environment_variables
from bench.run.process.failure_report import FailureReport
from bench.run.process.server import failure_of
from bench.spec import Spec

_Value = TypeVar("_Value")

_SECONDS_BETWEEN_ENDS = 0.5
"""Between the first end and the verdict: a rank that a peer's death made fail may end before the peer is seen to."""
_POLL_SECONDS = 0.5


def in_ranks(
    processes: int, lead: Callable[[], _Value], follow: Callable[[], None], *, emit: Emit = lambda event: None
) -> _Value:
    """What `lead` returns here, while `follow` runs in `processes` - 1 forks; without any for one process.

    When `lead` returns, the others are ended: it is to see to it that their work is done by then. Raises what it
    raises, or, if a fork failed first, `InputError` with its problems or `JobFailedError` with its reason. Where this
    process cannot be interrupted, `emit` reports that reason and the process ends.
    """
    if processes == 1:
        return lead()
    port = _free_port()
    ranks = [_fork(number, processes, port, follow) for number in range(1, processes)]
    watch = _Watch(ranks, emit)
    try:
        with environment_variables(_as_rank(0, processes, port)):
            return lead()
    except BaseException:
        raised = time.monotonic()
        with watch.taken_over():
            _await_ends(ranks)
            culprit = _culprit(ranks, before=raised)
        if culprit is not None:
            raise culprit.report.error() from None
        raise
    finally:
        with watch.taken_over():
            for rank in ranks:
                rank.process.kill()
                rank.process.join()


class _RankFailure(Spec):
    """A rank's failure, as it reports it to the leader."""

    report: FailureReport
    at: float
    """Monotonic clock, seconds; 0 where it was killed, which is no other rank's doing."""


@dataclass(slots=True, kw_only=True)
class _Rank:
    """One of the others, from the leader's side."""

    number: int
    processes: int
    process: ForkProcess
    connection: Connection
    reported: _RankFailure | None = None

    def failed(self) -> _RankFailure | None:
        """The rank's failure, under its name; `None` as long as it has none."""
        with contextlib.suppress(EOFError, OSError):
            if self.reported is None and self.connection.poll():
                self.reported = _RankFailure.model_validate_json(self.connection.recv_bytes())
        if self.reported is not None:
            return self.reported if self.reported.report.problems else self._named(self.reported)
        if self.process.exitcode in (None, 0):
            return None
        failure = failure_of(self.process.exitcode)
        return self._named(_RankFailure(report=FailureReport(kind=failure.kind, message=failure.message), at=0.0))

    def _named(self, failed: _RankFailure) -> _RankFailure:
        message = f"process {self.number + 1} of {self.processes}: {failed.report.message}"
        return _RankFailure(report=failed.report.model_copy(update={"message": message}), at=failed.at)


class _Watch:
    """A thread that ends this process if a rank fails while it is deep in a collective that waits for that rank."""

    def __init__(self, ranks: list[_Rank], emit: Emit) -> None:
        self._ranks, self._emit = ranks, emit
        self._over, self._looking = threading.Event(), threading.Lock()
        threading.Thread(target=self._run, name="watch-ranks", daemon=True).start()

    @contextlib.contextmanager
    def taken_over(self) -> Iterator[None]:
        """From here on the leader sees to the ranks itself."""
        self._over.set()
        with self._looking:
            yield

    def _run(self) -> None:
        running = [rank.process.sentinel for rank in self._ranks]
        while running and not self._over.is_set():
            ended = mp_connection.wait(running, timeout=_POLL_SECONDS)
            running = [sentinel for sentinel in running if sentinel not in ended]
            with self._looking:
                self._look()

    def _look(self) -> None:
        if self._over.is_set() or _culprit(self._ranks) is None:
            return
        _await_ends(self._ranks)
        culprit = _culprit(self._ranks)
        if culprit is not None and not self._over.is_set():
            self._emit(culprit.report)
            os._exit(1)


def _culprit(ranks: list[_Rank], *, before: float = float("inf")) -> _RankFailure | None:
    """The earliest failure: what follows from it comes later. None that came after `before`."""
    failures = [failure for rank in ranks if (failure := rank.failed()) is not None and failure.at < before]
    return min(failures, key=lambda failure: failure.at, default=None)


def _await_ends(ranks: list[_Rank]) -> None:
    """Wait for ends that are on their way."""
    deadline = time.monotonic() + _SECONDS_BETWEEN_ENDS
    for rank in ranks:
        rank.process.join(max(0.0, deadline - time.monotonic()))


def _fork(number: int, processes: int, port: int, follow: Callable[[], None]) -> _Rank:
    ours, child_end = mp_connection.Pipe(duplex=False)
    name = f"bench rank {number}"
    process = get_context("fork").Process(target=_follow, args=(number, processes, port, follow, child_end), name=name)
    process.start()
    child_end.close()
    return _Rank(number=number, processes=processes, process=process, connection=ours)


def _follow(number: int, processes: int, port: int, follow: Callable[[], None], report: Connection) -> None:
    """A rank's whole life. Once its work is done it waits for its end, which comes from the leader: one that left by
    itself could take a collective's last words from the others, or stay for ever in a library's clearing up."""
    end_with_parent()
    try:
        with environment_variables(_as_rank(number, processes, port)):
            follow()
        threading.Event().wait()
    except BaseException as error:  # its every end is data for the leader
        at = time.monotonic()
        with contextlib.suppress(OSError):
            traceback.print_exc()
            report.send_bytes(_RankFailure(report=FailureReport.of(error), at=at).model_dump_json().encode())
            sys.stderr.flush()
    os._exit(1)


def _as_rank(number: int, processes: int, port: int) -> dict[str, str]:
    """What torch's own launcher would set."""
    return {
        "RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
