"""A user's own training command as a side of the speed gate: two checkouts, steps reported by a line protocol.

The command runs in each checkout with `BENCH_GATE=1` and `BENCH_GATE_SEED=N` in its environment. After each optimiser
step its first process prints one line of JSON to stdout and waits for a line on stdin:

    ← {"bench_step": 1, "tokens": 4096, "loss": 2.31, "gradient_norm": 1.7, "cpu": 12.5}
    → (an empty line)                the next step may begin

`tokens`: non-padding tokens of the step. `loss`: nats per supervised token. Both are required. `gradient_norm`: before
clipping; without it the first gradient is not compared. `cpu`: seconds of processor time since the start, of training
on a processor; without it the wall clock decides. Other lines are output, and go to the log.

Contract: a command is stopped after its last step, with the processes that it started.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem
from bench.gate.speed.lines import Lines, close_pipes
from bench.gate.speed.stepping import Effort, Pair, Stepped

STEP = "bench_step"
_GRACE_SECONDS = 5.0
_REQUIRED = ("tokens", "loss")


class CommandSide:
    """One checkout's command. Every call raises `InputError` if the command fails, or says nothing for `patience`
    seconds."""

    def __init__(self, command: str, *, folder: Path, log: Path, patience: float) -> None:
        self._command, self._folder, self._log, self._patience = command, folder, log, patience
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: Lines | None = None
        self._cpu: float | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    def tell_begin(self, core: int | None, replicate: int) -> None:
        """Start the command anew; its threads are left to it, so it is pinned to no core."""
        environment = {**os.environ, "BENCH_GATE": "1", "BENCH_GATE_SEED": str(replicate)}
        try:
            with self._log.open("ab") as errors:
                self._process = subprocess.Popen(
                    shlex.split(self._command),
                    cwd=self._folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:
            raise self._refusal(f"the command does not start: {error}") from error
        self._lines = Lines(self._process, log=self._log, patience=self._patience, refusal=self._refusal)

    def begun(self) -> float | None:
        """Wait for the first step. Returns its gradient norm."""
        first = self._step_line()
        self._cpu = first.get("cpu")
        norm: float | None = first.get("gradient_norm")
        return norm

    def step(self) -> Stepped:
        """Let the command take one step."""
        assert self._process is not None, "begun before"
        assert self._process.stdin is not None, "opened as a pipe"
        since = time.perf_counter()
        with contextlib.suppress(BrokenPipeError):  # the missing line tells
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        line = self._step_line()
        wall = time.perf_counter() - since
        before, self._cpu = self._cpu, line.get("cpu")
        return Stepped(
            cpu=None if before is None or self._cpu is None else self._cpu - before,
            wall=wall,
            tokens=line["tokens"],
            loss=line["loss"],
            gradient_norm=line.get("gradient_norm"),
        )

    def end(self) -> None:
        """Stop the command and what it started."""
        if self._process is None:
            return
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
                break
        close_pipes(self._process)
        self._process = None

    def _step_line(self) -> dict[str, Any]:
        """The next line that reports a step; others go to the log."""
        assert self._lines is not None, "begun before"
        while True:
            line = self._lines.next()
            report = _parsed(line)
            if report is None:
                with self._log.open("ab") as log:
                    log.write(line + b"\n")
                continue
            lacking = [name for name in _REQUIRED if not isinstance(report.get(name), int | float)]
            if lacking:
                raise self._refusal(f"the line of a step has no number {lacking[0]!r}")
            return report

    def _refusal(self, what: str) -> InputError:
        hint = f"see {self._log}; print a line of JSON after each step and read one from stdin (docs/ci.md)"
        return InputError(Problem(reference="gate.command", what=what, where=str(self._folder), hint=hint))


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A line as the report of a step; `None` for other output."""
    try:
        report = json.loads(line)
    except ValueError:
        return None
    return report if isinstance(report, dict) and STEP in report else None


@contextlib.contextmanager
def command_pair(
    command: str, *, ours: Path, theirs: Path, names: tuple[str, str], home: Path, effort: Effort
) -> Iterator[Pair]:
    """The command in two checkouts, ready to step; stopped at the end whatever happens."""
    sides = [
        CommandSide(
            command, folder=folder, log=home / "logs" / f"gate-command-{name}.txt", patience=effort.seconds_to_answer
        )
        for name, folder in (("ours", ours), ("theirs", theirs))
    ]
    description: dict[str, Any] = {"arm": command, "device": "cpu", "facts": {}, "versions": {}, "replicates": True}
    try:
        yield Pair(
            title="command", effort=effort, names=names, ours=sides[0], theirs=sides[1],
            descriptions=(description, description),
        )  # fmt: skip
    finally:
        for side in sides:
            side.end()
