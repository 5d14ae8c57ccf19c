"""The run that is killed: `run_suite` on a small suite of the embedded world, as a process in its own group."""

import json
import os
import signal
import time
from pathlib import Path

import psutil

from bench.emit import Event, StepDone

INTERVAL = 4
"""Steps between saves."""
STEPS = 24
SUITE = f"""
name = "fuzz"
question = "Is anything lost?"
seeds = [0, 1]
model = {{ card = "micro" }}
budget = {{ unit = "steps", amount = {STEPS} }}
arms = {{ data = ["few"], recipe = ["lora"] }}
data.few = {{ source = "micro:curated", select = {{ by = "first", size = 64 }} }}
recipe.lora = {{ method = "lora", learning_rate = 5e-3, batch_rows = 4, lora = {{ r = 4, dropout = 0.1 }} }}
run = {{ workers = 2, probe_steps = 0, steps_between_saves = {INTERVAL} }}
[[eval]]
name = "heldout"
kind = "loss"
data = {{ source = "micro:heldout", select = {{ by = "first", size = 24 }} }}
"""


class Steps:
    """A display that writes each training step to a file, so that it survives the run."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def note(self, text: str) -> None:
        """Nothing."""

    def plan(self, plan: object) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""

    def started(self, job_id: str) -> None:
        """An attempt begins."""
        self._file.write(json.dumps({"job": job_id, "step": 0}) + "\n")

    def progress(self, job_id: str, event: Event) -> None:
        """A step of a training."""
        if isinstance(event, StepDone):
            self._file.write(json.dumps({"job": job_id, "step": event.step}) + "\n")

    def ended(self, job_id: str, failure: object, seconds: float | None, *, reused: bool, scores: object = ()) -> None:
        """Nothing."""


def start(folder: Path) -> psutil.Process:
    """The run as a process of its own, in its own group."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        code = 70
        try:
            code = run(folder)
        except BaseException as error:  # a fork must not go on as its parent
            (folder / "crash.txt").write_text(f"{type(error).__name__}: {error}")
        finally:
            os._exit(code)
    return psutil.Process(pid)


def run(folder: Path) -> int:
    """`bench run` on the suite in `folder`; its exit code."""
    from bench.errors import BenchError
    from bench.run.run import run_suite
    from bench.suite.load import load_suite

    suite = folder / "fuzz.toml"
    suite.write_text(SUITE)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        made = run_suite(
            load_suite(suite),
            home=folder / "home",
            reports=folder / "reports",
            display=Steps(folder / "steps.jsonl"),
            command=("bench", "run", "fuzz.toml"),
        )
    except KeyboardInterrupt:
        return 130
    except BenchError as error:
        if error.exit_code == 2 and not error.problems[0].reference.startswith("worker."):
            raise
        return int(error.exit_code)
    return 0 if made.load().all_done else 3


def wait_for(run: psutil.Process, seconds: float) -> int | None:
    """Exit code (minus the signal), `None` if it still runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(run.pid, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def crash(folder: Path) -> str:
    """What a run that should not have raised said."""
    path = folder / "crash.txt"
    return path.read_text() if path.exists() else ""
