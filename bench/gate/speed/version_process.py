"""One version's process in the interleaved comparison: starts its `step_server` and speaks the protocol."""

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from bench.errors import InputError, Problem
from bench.gate.speed.lines import Lines, close_pipes
from bench.gate.speed.stepping import Stepped
from bench.gate.speed.versions import PROTOCOL, STEP_SERVERS, Version
from bench.run.process.environ import library_environment
from bench.run.process.failure_report import FailureReport

_REPEATABLE = {"PYTHONNOUSERSITE": "1", "PYTHONHASHSEED": "0"}
_GRACE_SECONDS = 3.0
_START = f"""
import importlib.util, runpy
names = {STEP_SERVERS}
runs = next((name for name in names[:-1] if importlib.util.find_spec(name)), names[-1])
runpy.run_module(runs, run_name="__main__", alter_sys=True)
"""
"""Runs the version's own step server, whatever its name is in that version."""


class VersionProcess:
    """A running version. Use as a context; every call raises `InputError` if it fails, or says nothing for
    `patience` seconds."""

    def __init__(self, version: Version, request: Mapping[str, Any], *, log: Path, patience: float) -> None:
        self.version = version
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **library_environment(), **_REPEATABLE}
        environment.pop("PYTHONPATH", None)
        if version.tree is not None:
            environment["PYTHONPATH"] = str(version.tree)
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(version.python), "-P", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        self._lines = Lines(self._process, log=log, patience=patience, refusal=self._refusal)
        self._tell(dict(request))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> dict[str, Any]:
        """What the version says of itself and of the training, once its libraries are loaded."""
        answer = self._answer("ready")
        if answer["protocol"] != PROTOCOL:
            raise self._refusal(f"it speaks protocol {answer['protocol']} of the comparison, this version {PROTOCOL}")
        package = Path(answer["package"]).resolve()
        if self.version.tree is not None and package.parent != self.version.tree.resolve():
            raise self._refusal(f"it loaded the program from {package}, not from {self.version.tree}")
        return answer

    def tell_begin(self, core: int | None, replicate: int = 0) -> None:
        """Start a fresh worker; `begun` waits for it, so that two versions can load at once."""
        self._tell({"do": "begin", "core": core, "replicate": replicate})

    def begun(self) -> float | None:
        """Wait until the worker has trained its first step. Returns its gradient norm, where it is known."""
        norm: float | None = self._answer("begun").get("gradient_norm")
        return norm

    def step(self) -> Stepped:
        """One optimiser step."""
        self._tell({"do": "step"})
        answer = self._answer("stepped")
        return Stepped(
            cpu=answer["cpu"],
            wall=answer["wall"],
            tokens=answer["tokens"],
            loss=answer.get("loss"),
            gradient_norm=answer.get("gradient_norm"),
            memory=answer.get("memory"),
            counts=answer.get("counts", {}),
        )

    def end(self) -> None:
        """End the worker."""
        self._tell({"do": "end"})
        self._answer("ended")

    def close(self) -> None:
        """End the process."""
        close_pipes(self._process)
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        with contextlib.suppress(BrokenPipeError):  # the missing answer tells
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _answer(self, kind: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._lines.next())
        if answer["type"] == "failed":
            report = FailureReport.model_validate({"kind": "exception", **answer})  # earlier versions name no kind
            raise InputError(report.problems) if report.problems else self._refusal(report.message)
        if answer["type"] != kind:
            raise self._refusal(f"it answered {answer['type']!r} where {kind!r} was due")
        return answer

    def _refusal(self, what: str) -> InputError:
        hint = f"see {self._log}; a version can be compared from the one on that has `bench gate`"
        return InputError(Problem(reference="gate.side", what=f"{self.version.name}: {what}", hint=hint))
