"""A module's `main` as a process of its own, forked from a server that has its imports (`tests.fakes.fork_server`).

A start costs a fraction of a second where a fresh interpreter costs 10 s of imports. It is a process in all else: its
own group, environment, folder, signals, exit code, fork server and children, and what it prints goes to files.
Imports themselves, and variables that libraries read while imported, need a fresh interpreter.
"""

import gc
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from bench.data.micro.rows import rows
from bench.processes import without_main
from benchmarks.kill_fuzz.forked_server import fork_servers_from_here
from tests.fakes import fork_server

MIXED_ROWS = "TEST_MIXED_ROWS"
"""Variable of a process whose `micro:mixed` has so many rows: reading all 52,000 takes 5 s of processor time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A process that was started, with the part of `subprocess.Popen` that tests use."""

    process: ForkServerProcess
    place: Path
    """Folder of what it prints."""

    @property
    def pid(self) -> int:
        """Process number, which is also that of its group."""
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Exit code, minus the signal; `None` while it runs."""
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process alone."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    @property
    def printed(self) -> tuple[str, str]:
        """Output and errors until now."""
        return (self.place / "out").read_text("utf-8"), (self.place / "err").read_text("utf-8")

    def finish(self, seconds: float) -> subprocess.CompletedProcess[str]:
        """Its end and all that it printed. Raises `TimeoutExpired` after `seconds`; it is killed then."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.process.join()
        printed = self.printed
        shutil.rmtree(self.place)
        if code is None:
            raise subprocess.TimeoutExpired(self.process.name, seconds, *printed)
        return subprocess.CompletedProcess(self.process.name, code, *printed)


def start(module: str, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Forked:
    """`python -m module arguments` in `folder`; `environment` is added to this process's."""
    place, context = Path(tempfile.mkdtemp(prefix="process-")), get_context("forkserver")
    begun, beginning = context.Pipe(duplex=False)
    forked = (beginning, module, list(arguments), folder, {**os.environ, **environment}, place)
    fork_server.use_for(module)
    with without_main():
        process = context.Process(target=_enter, args=forked, name=f"{module} {' '.join(arguments)}")
        process.start()
    beginning.close()
    begun.poll(None)  # its end of the pipe is closed
    return Forked(process=process, place=place)


def run(
    module: str, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float = 280
) -> subprocess.CompletedProcess[str]:
    """`start`, then wait for the end."""
    return start(module, arguments, folder=folder, environment=environment).finish(seconds)


def bench(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m bench arguments` in `folder`, with its own home there."""
    return run("bench", arguments, folder=folder, environment={"BENCH_HOME": str(folder / "home"), **environment})


def _enter(
    beginning: Connection, module: str, arguments: list[str], folder: Path, environment: dict[str, str], place: Path
) -> None:
    os.setsid()
    gc.enable()  # the server has none
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if MIXED_ROWS in environment:
        sys.modules[rows.__module__].MIXED_ROWS = int(environment[MIXED_ROWS])  # type: ignore[attr-defined]
    fork_servers_from_here()
    beginning.close()
    os._exit(_code(module, arguments))


def _code(module: str, arguments: list[str]) -> int:
    """Exit code of `python -m module arguments`."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code: object = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code
