"""Child processes from the outside: forked from a server that has the heavy libraries imported already.

Importing torch, transformers, trl and peft costs 6 to 10 s per process; a fork of a process that has them costs a
fraction of a second. The server is started early (`warm`) so that its imports overlap with the parent's own work.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection as mp_connection
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from bench.emit import Event, event_of
from bench.errors import BenchError, InputError, InternalError, Problem
from bench.processes import without_main
from bench.record.record import Failure
from bench.run.process.child import enter
from bench.run.process.environ import environment_variables, library_environment
from bench.run.process.failure_report import FailureReport
from bench.run.process.work import ChildRequest
from bench.spec import Spec

WORKER = "bench.worker.kinds"
_FIRST = tuple(
    f"bench.run.process.{name}" for name in ("collector_off", "later_imports", "shared_listing", "kernel_sources")
)
_GRACE_SECONDS = 3.0
_TICK_SECONDS = 1.0
_STARTS = 3
_RESTART_SECONDS = 0.2
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildServer:
    """Starts children. `module` has the table of what they can do (`bench.run.process.work.WorkKind` by kind)."""

    module: str = WORKER
    threads: int = 1
    """OpenMP threads that the libraries are loaded with; a job may ask torch for fewer or more."""
    tick: Callable[[], None] = lambda: None
    """Called about once a second while `call` waits: a download can take long."""
    method: Literal["forkserver", "fork"] = "forkserver"
    """fork: children of a process that has the libraries itself, and starts no server to import them once more."""
    begun: "list[tuple[ChildRequest, Child]]" = field(default_factory=list, compare=False, repr=False)
    """Work that is being done before its value is asked for."""

    def warm(self) -> None:
        """Start the server without waiting for its imports. A second call does nothing."""
        if self.method == "fork":
            return
        with environment_variables(library_environment(self.threads)), without_main():
            get_context("forkserver").set_forkserver_preload([*_FIRST, self.module])
            forkserver.ensure_running()

    def kill(self) -> None:
        """End the server at once, imports or not; its children see to themselves. It can be started again."""
        server = getattr(forkserver, "_forkserver", None)  # the library offers no public way
        pid = getattr(server, "_forkserver_pid", None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                # Until it is gone the library takes it for a running one. It is left for the library to reap.
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def request(
        self, kind: str, payload: Spec, *, folder: Path, log: Path, lock: Path | None = None, stays: bool = False
    ) -> ChildRequest:
        """One piece of work, as a child is asked for it."""
        return ChildRequest(
            module=self.module,
            kind=kind,
            payload=payload.model_dump(mode="json"),
            folder=str(folder),
            log=str(log),
            lock=None if lock is None else str(lock),
            stays=stays,
        )

    def start(self, kind: str, payload: Spec, *, folder: Path, log: Path, stays: bool = False) -> "Child":
        """A child on one piece of work: the one that has `begun` the same, else a new one, once it is forked."""
        request = self.request(kind, payload, folder=folder, log=log, stays=stays)
        for number, (asked, child) in enumerate(self.begun):
            if asked == request:
                del self.begun[number]
                return child
        return self.fork(request)

    def begin(self, kind: str, payload: Spec, *, folder: Path, log: Path) -> None:
        """Start a child on what will be asked for later, so that it works meanwhile. A guess costs time at most: what
        is asked for after all is started then, and the caller ends what nobody asked for with `stop_begun`."""
        request = self.request(kind, payload, folder=folder, log=log)
        self.begun.append((request, self.fork(request)))

    def stop_begun(self) -> None:
        """End the work that nobody has asked for."""
        stop_all([child for _, child in self.begun])
        self.begun.clear()

    def fork(self, request: ChildRequest) -> "Child":
        """Start a child on a request."""
        for _ in range(_STARTS - 1):
            try:
                return self._fork(request)
            except (EOFError, ConnectionError):  # the server was killed as it was asked; a new one is started
                time.sleep(_RESTART_SECONDS)
        return self._fork(request)

    def _fork(self, request: ChildRequest) -> "Child":
        self.warm()
        context: BaseContext = get_context(self.method)
        ours, child_end = context.Pipe()
        process: BaseProcess = context.Process(  # type: ignore[attr-defined]  # every context has it
            target=enter, args=(request.model_dump_json().encode(), child_end), name=f"bench {request.kind}"
        )
        try:
            with without_main():
                process.start()
        except BaseException:
            ours.close()  # a child that was forked all the same finds nobody to tell, and ends
            raise
        finally:
            child_end.close()
        return Child(process, ours, stays=request.stays)

    def call(
        self,
        kind: str,
        payload: Spec,
        *,
        folder: Path,
        log: Path,
        on_event: Callable[[Event], None] = lambda event: None,
    ) -> Any:
        """Do one piece of work in a child and wait for its value; `on_event` hears what it tells meanwhile.

        Raises `InputError` with the child's own problems if it refused, `InternalError` where its code failed, and
        `InputError` where the machine ended it.
        """
        child = self.start(kind, payload, folder=folder, log=log)
        try:
            while not child.ended():
                for event in child.wait(_TICK_SECONDS):
                    on_event(event)
                self.tick()
        finally:
            child.stop()
        if child.failure is None:
            return child.value
        if child.problems:
            raise InputError(child.problems)
        raise error_of(failed(kind, child.failure, log), child.failure)


def error_of(problem: Problem, failure: Failure) -> BenchError:
    """The error for a child that ended without a refusal: a fault of this program, or of the machine's room."""
    return InternalError(problem) if failure.kind in ("exception", "crashed") else InputError(problem)


def failed(kind: str, failure: Failure, log: Path) -> Problem:
    """Problem for a child's failure that is no refusal."""
    return Problem(
        reference=f"worker.{failure.kind.replace('_', '-')}", what=f"{kind}: {failure.message}", hint=f"see {log}"
    )


class Child:
    """One running child; its messages are read with `messages`, its end with `ended`."""

    def __init__(self, process: BaseProcess, connection: Connection, *, stays: bool = False) -> None:
        self.process = process
        self.connection = connection
        self.stays = stays
        """Whether it waits for more once its work is done."""
        self.value: Any = None
        self.problems: tuple[Problem, ...] = ()
        self._reported: Failure | None = None
        self._done = False
        self._open = True

    @property
    def waitables(self) -> list[Any]:
        """What `multiprocessing.connection.wait` can wait for: messages and the end."""
        return [self.connection, self.process.sentinel] if self._open else [self.process.sentinel]

    def wait(self, seconds: float | None = None) -> list[Event]:
        """Wait for a message or the end; the events that came."""
        mp_connection.wait(self.waitables, timeout=seconds)
        return list(self.messages())

    def ask(self, request: Spec) -> None:
        """Send a service its next request. One that has ended hears nothing, and is found so by `ended`."""
        with contextlib.suppress(OSError):
            self.connection.send_bytes(request.model_dump_json().encode())

    def messages(self) -> Iterator[Event]:
        """Events that have come so far; the closing message is kept in `value`, `failure` and `problems`."""
        while self._open:
            try:
                if not self.connection.poll():
                    return
                message = json.loads(self.connection.recv_bytes())
            except (EOFError, OSError):
                self._open = False
                return
            if message["type"] == "done":
                self._done, self.value = True, message["value"]
            elif message["type"] == "failed":
                report = FailureReport.model_validate(message)
                self._reported, self.problems = report.failure, report.problems
            else:
                yield event_of(message)

    def ended(self) -> bool:
        """Whether the work has ended, with its process unless that stays, and all messages were read.

        The pipe's end is not waited for: a helper process of the child's may still hold it.
        """
        if self.stays and self._done:
            return True
        return self.process.exitcode is not None and not (self._open and self.connection.poll())

    @property
    def failure(self) -> Failure | None:
        """Why it brought no result; `None` if it did. Only after the end."""
        if self._reported is not None:
            return self._reported
        if self._done:
            return None
        return failure_of(self.process.exitcode)

    @property
    def idle(self) -> bool:
        """Whether it has done its work and waits for more."""
        return self.stays and self._done and self.process.exitcode is None

    def resume(self, request: ChildRequest) -> bool:
        """Give an idle child more work; false where it has ended meanwhile."""
        try:
            self.connection.send_bytes(request.model_dump_json().encode())
        except OSError:
            return False
        self.stays, self._done, self.value = request.stays, False, None
        return True

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self.stays = False
        self.process.kill()

    def stop(self) -> None:
        """End the child: ask, wait, then kill. Harmless on one that has ended."""
        stop_all([self])


def stop_all(children: list[Child]) -> None:
    """End all of them at once: ask, wait a grace time shared by all, then kill what is left."""
    for child in children:
        if child.process.exitcode is None:
            child.process.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        child.process.join(max(0.0, deadline - time.monotonic()))
        if child.process.exitcode is None:
            child.process.kill()
            child.process.join()
        child.connection.close()


def failure_of(exitcode: int | None) -> Failure:
    """Failure of a process that ended, or was ended, without a message."""
    if exitcode is None or exitcode >= 0:
        return Failure(kind="crashed", message=f"the process ended without a result (exit code {exitcode})")
    number = -exitcode
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    if number in _CRASHES:
        return Failure(kind="crashed", message=f"the process crashed ({name})")
    hint = "; the system may have run out of memory" if number == signal.SIGKILL else ""
    return Failure(kind="killed", message=f"the process was killed ({name}){hint}")
