"""Another program's process: what it sees, its output, its end.

Contract: it sees no secret of this process's environment and has an empty home folder; what it printed is in the job's
log, line by line, also where it fails; it is ended with all that it started, also where this process is killed.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_PASSED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_TAIL_CHARACTERS = 200
"""Fewer than a job's message may have, so that the end of a program's log is in it whole."""
_TAIL_LINES = 50
_GUARD = """
import os, signal, sys
program = sys.stdin.readline()
sys.stdin.read()
if program:
    os.killpg(int(program), signal.SIGKILL)
"""
"""Reads a program's number and ends its group once nobody holds the other end of the standard input."""
_READ_SECONDS = 10.0
"""Wait for the last words of a program that has ended."""


def environment_of(home: Path, threads: int, *, passed: Sequence[str] = ()) -> dict[str, str]:
    """What the program sees: no secret, an empty home folder, the threads of the job. passed: names of variables that
    it gets, too."""
    variables = {name: os.environ[name] for name in (*_PASSED, *passed) if name in os.environ}
    count = str(threads)
    libraries = {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OMP_WAIT_POLICY": "PASSIVE"}
    return {**variables, **libraries, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def run_program(
    words: Sequence[str],
    folder: Path,
    environment: Callable[[Path], dict[str, str]],
    *,
    name: str,
    seconds: float | None = None,
    hear: Callable[[str], bool] = lambda line: False,
) -> None:
    """Run a program to its end, in an empty folder below `folder` that is also its home.

    environment: from that folder to what the program sees. name: of the program, for messages. seconds: after which it
    is ended. hear: given each line that it prints; the log gets those for which it is false. Raises `RuntimeError`
    with the end of the log where the program fails.
    """
    with tempfile.TemporaryDirectory(prefix="start-", dir=folder) as home, _guard() as guarded:
        _log(f"$ {shlex.join(words)}")
        program = _start(words, Path(home), environment(Path(home)))
        guarded(program.pid)
        tail = deque[str](maxlen=_TAIL_LINES)
        reader = threading.Thread(target=_read, args=(program, hear, tail), daemon=True)
        reader.start()
        try:
            code = program.wait(timeout=seconds)
            why = None if code == 0 else f"exit {code}"
        except subprocess.TimeoutExpired:
            why = f"ended after {seconds:g} s"
        finally:
            _end(program)
            reader.join(_READ_SECONDS)
    if why is not None:
        said = " | ".join(line.strip() for line in tail if line.strip())
        end = said if len(said) <= _TAIL_CHARACTERS else f"…{said[-_TAIL_CHARACTERS:]}"
        raise RuntimeError(f"{name} failed ({why}): {end or 'it printed nothing'}")


def _start(words: Sequence[str], home: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """The program, in a session of its own, with its output in a pipe."""
    try:
        return subprocess.Popen(
            words,
            env=environment,
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise RuntimeError(f"{words[0]} does not start: {error.strerror}") from error


def _read(program: subprocess.Popen[str], hear: Callable[[str], bool], tail: deque[str]) -> None:
    """Hand each line to `hear`, and what it does not take to the log and to `tail`."""
    assert program.stdout is not None, "it is a pipe"
    for line in program.stdout:
        text = line.rstrip("\n")
        if not hear(text):
            _log(text)
            tail.extend(text.splitlines())


def _log(text: str) -> None:
    """Add to the log of this job, which is its standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """While open, the program whose number is given ends with this process, however that ends: its session is not this
    one's, so that no signal reaches it otherwise."""
    command = (sys.executable, "-I", "-S", "-c", _GUARD)
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
    told = guard.stdin
    assert told is not None, "it is a pipe"

    def guarded(program: int) -> None:
        told.write(f"{program}\n")
        told.flush()

    try:
        yield guarded
    finally:
        guard.kill()
        guard.communicate()


def _end(program: subprocess.Popen[str]) -> None:
    """End the program and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
