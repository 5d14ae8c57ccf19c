"""`python -m bench.node FOLDER ATTEMPT`: does the job that a run asks for in this folder, on whatever machine this is.

Contract: signs of life while it works, events as lines, and at the very end a file with the hash of all that it wrote.
A second start after that end does nothing; one after a preemption begins at the job's last checkpoint. Work that the
run gave up, or gave to another node, ends before the next sign of life. Started by an executor; needs the run's
`BENCH_HOME` on a folder that both machines see.
"""

import contextlib
import importlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.emit import Event
from bench.errors import InputError, Problem
from bench.record.environment import device, this_machine
from bench.record.record import Failure
from bench.run.executors.ray import END_WITH_PARENT
from bench.run.executors.remote_files import BEAT_SECONDS, Beat, JobFiles, RemoteEnd, RemoteRequest, result_files
from bench.run.process.allocation import enter_allocation
from bench.run.process.child import redirect_output
from bench.run.process.environ import library_environment
from bench.run.process.failure_report import FailureReport
from bench.run.process.work import WorkKind


def main(arguments: list[str]) -> int:
    """Do the job in the folder. 0 where its end was written, whatever that end is."""
    ticket, attempt = JobFiles(Path(arguments[0])), int(arguments[1])
    request = ticket.read_request()
    if request is None or request.attempt != attempt:
        sys.stderr.write(f"bench.node: no request for attempt {attempt} in {ticket.folder}\n")
        return 2
    if ticket.read_end() is not None:
        return 0
    enter_allocation()
    os.environ.update(library_environment(request.threads))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    node, began = _node_name(), time.monotonic()
    if os.environ.pop(END_WITH_PARENT, None):
        _end_with_parent()
    redirect_output(Path(request.work.log))
    _beat_while_wanted(ticket, node, attempt)
    failure = _perform(request, ticket)
    files = result_files(ticket.job) if failure is None else {}
    end = RemoteEnd(
        digest=request.digest,
        node=node,
        machine=this_machine(),
        seconds=time.monotonic() - began,
        failure=failure,
        files=files,
    )
    write_text(ticket.end, end.model_dump_json())
    return 0


def _node_name() -> str:
    """The name that the user or Slurm gives this node, else the machine's."""
    named = (os.environ.get(name) for name in ("BENCH_NODE_NAME", "SLURMD_NODENAME"))
    return next((name for name in named if name), socket.gethostname())


def _perform(request: RemoteRequest, ticket: JobFiles) -> Failure | None:
    """Do the work; why it failed, if it did."""
    lines = threading.Lock()

    def send(event: Event) -> None:
        with lines, ticket.events.open("a", encoding="utf-8") as file:
            file.write(event.model_dump_json() + "\n")

    try:
        _check_device(request)
        module: Any = importlib.import_module(request.work.module)
        kind: WorkKind[Any] = module.KINDS[request.work.kind]
        kind.perform(request.work.payload, Path(request.work.folder), send)
    except BaseException as error:  # its every end is data for the run
        traceback.print_exc()
        return FailureReport.of(error).failure
    return None


def _check_device(request: RemoteRequest) -> None:
    """Raises `InputError` where this machine computes on another kind of device than the job's digest says."""
    here = device()
    if here.partition(":")[0] != request.device:
        what = f"the job was planned for {request.device}, and this node computes on {here}"
        hint = "run bench where the devices are those of the nodes"
        raise InputError(Problem(reference="executor.device", what=what, hint=hint))


def _end_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _beat_while_wanted(ticket: JobFiles, node: str, attempt: int) -> None:
    """Signs of life as long as the request is there; without it the process ends, so that it writes into no later
    attempt's folder."""

    def beat() -> None:
        count = 0
        while not ticket.is_withdrawn(attempt):
            count += 1
            with contextlib.suppress(OSError):
                write_text(ticket.beat, Beat(node=node, count=count).model_dump_json())
            time.sleep(BEAT_SECONDS)
        os._exit(1)

    threading.Thread(target=beat, name="beat", daemon=True).start()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # libraries' threads are not waited for
