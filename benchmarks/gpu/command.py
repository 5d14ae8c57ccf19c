"""`bench` as a process, and what its run recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.gpu.shapes import ROOT


def bench(*arguments: str, home: Path, hidden_gpu: bool = False) -> str:
    """What `bench` prints; raises with the last of its messages where it does not succeed."""
    environment = {**os.environ, "BENCH_HOME": str(home), "PYTHONPATH": str(ROOT)}
    if hidden_gpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3):  # a claim without an answer is no failure here
        raise RuntimeError((done.stderr or done.stdout).strip()[-400:])
    return done.stdout


def record(folder: Path, suite: str) -> dict[str, Any]:
    """The newest record of a suite."""
    result: dict[str, Any] = json.loads((folder / "reports" / suite / "latest" / "record.json").read_text())
    return result
