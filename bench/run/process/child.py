"""A child process from the inside: one request in, events out, then the end.

The request and every event are JSON bytes; nothing is unpickled from a child. Events: the work's own (`bench.emit`),
then a `WorkDone` or a `FailureReport`. What is printed, by Python or by native code, goes to the log, tracebacks
included. A child whose parent has died ends itself. A service also hears further requests, JSON bytes the other way,
between its events. A child that is to stay does one piece of work after another, until its first failure.
"""

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.emit import Emit, Event
from bench.processes import end_with_parent
from bench.run.process.failure_report import FailureReport
from bench.run.process.locks import FileLock
from bench.run.process.work import ChildRequest, Service, WorkDone, WorkKind


def enter(request: bytes, connection: Connection) -> None:
    """The child's entry: does the work, reports, and leaves without running the interpreter's shutdown."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.enable()  # the server has none (bench.run.process.collector_off)
    end_with_parent()
    send = _sender(connection)
    following: bytes | None = request
    while following is not None:
        work = ChildRequest.model_validate_json(following)
        code = _do(work, send, connection)
        following = _next_request(connection) if work.stays and code == 0 else None
    os._exit(code)


def _do(work: ChildRequest, send: Emit, connection: Connection) -> int:
    """Does the work and reports its end; the exit code of a child that ends with it."""
    try:
        redirect_output(Path(work.log))
    except OSError as error:  # a full disk, most likely; there is no log to say it in
        send(FailureReport.of(error))
        return 1
    code = 0
    try:
        with _locked(work.lock):
            send(WorkDone(value=_perform(work, send, connection)))
    except BaseException as error:  # a child's every end is data for its parent
        with contextlib.suppress(OSError):
            traceback.print_exc()
        send(FailureReport.of(error))
        code = 1
    with contextlib.suppress(OSError):  # the log's disk may be full; the message has been sent
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _next_request(connection: Connection) -> bytes | None:
    try:
        return connection.recv_bytes()
    except (EOFError, OSError):  # the parent wants no more
        return None


def _perform(work: ChildRequest, send: Emit, connection: Connection) -> object:
    module, kind, folder = importlib.import_module(work.module), work.kind, Path(work.folder)
    services: dict[str, Service[Any, Any]] = getattr(module, "SERVICES", {})
    if kind in services:
        return services[kind].perform(work.payload, folder, send, _requests(connection))
    kinds: dict[str, WorkKind[Any]] = module.KINDS
    return kinds[kind].perform(work.payload, folder, send)


def _requests(connection: Connection) -> Iterator[dict[str, Any]]:
    """What the parent asks after the first request."""
    while (request := _next_request(connection)) is not None:
        yield json.loads(request)


def _sender(connection: Connection) -> Emit:
    one_at_a_time = threading.Lock()

    def send(event: Event) -> None:
        try:
            with one_at_a_time:
                connection.send_bytes(json.dumps(event.model_dump(), allow_nan=True).encode())
        except OSError:  # nobody listens any more
            os._exit(1)

    return send


_REPLACED: list[object] = []
"""Streams that printed before: one that is collected would close the number that the log has now."""


def redirect_output(log: Path) -> None:
    """Append what this process prints, native code included, to `log`; again, where it has another log."""
    _REPLACED.extend((sys.stdout, sys.stderr))
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream, target in ((sys.stdout, 1), (sys.stderr, 2)):
        if stream is not None:
            stream.flush()
        os.dup2(handle, target)
    os.close(handle)
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    faulthandler.enable(file=2, all_threads=False)


def _locked(path: str | None) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if path is None else FileLock(Path(path))
