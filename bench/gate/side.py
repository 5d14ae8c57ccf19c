"""One side of the interleaved comparison: a process that steps an arm's training when it is told to.

Run as ``python -m bench.gate.side`` by each version with its own code and libraries: each loads the same suite by
itself, so that nothing of one version's types has to fit the other's. JSON Lines on stdin and stdout, protocol 1:

    → {"suite": …, "profile": …, "overrides": […], "arm": …, "steps": …, "home": …}
    ← {"type": "ready", "protocol": 1, "version": …, "package": …, "arm": …, "device": …, "versions": {…}, "facts": {…}}
    → {"do": "begin", "core": 0}     forks a fresh worker, which loads the model and trains one step
    ← {"type": "begun"}
    → {"do": "step"}                 one optimiser step, data and schedule included
    ← {"type": "stepped", "cpu": seconds, "wall": seconds, "tokens": non-padding tokens}
    → {"do": "end"}                  the worker ends
    ← {"type": "ended", "code": 0}
    ← {"type": "failed", "message": …, "problems": […]}    instead of any answer

The libraries are imported once, before `ready`; a worker is a fork. What is printed goes to stderr. The end of stdin
ends both processes.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import torch

import bench
from bench.errors import BenchError, InputError, Problem, did_you_mean
from bench.record.environment import TRAINING_LIBRARIES, device, versions
from bench.record.job import ProbeJob, TrainJob
from bench.run.plan import plan
from bench.run.resolve import resolve
from bench.suite.load import load_suite
from bench.suite.recipe import Budget
from bench.train.job import count_training, run_probe

PROTOCOL = 1


class Channel:
    """JSON Lines over the stdin and stdout that this process was started with; prints are sent to stderr instead."""

    def __init__(self) -> None:
        self._lines = os.fdopen(os.dup(0), "rb", buffering=0)  # unbuffered: a fork goes on where its parent stopped
        self._answers = os.dup(1)
        os.dup2(2, 1)

    def read(self) -> dict[str, Any] | None:
        """The next message; `None` at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def say(self, kind: str, **fields: object) -> None:
        """Answers."""
        os.write(self._answers, json.dumps({"type": kind, **fields}).encode() + b"\n")

    def fail(self, error: BaseException) -> None:
        """Tells why there is no answer."""
        problems = error.problems if isinstance(error, BenchError) else ()
        self.say(
            "failed",
            message=f"{type(error).__name__}: {error}"[:300],
            problems=[{"reference": p.reference, "what": p.what, "where": p.where, "hint": p.hint} for p in problems],
        )


class Stepper:
    """Called after each step of a running training: answers with what the step took, and waits to be told to go on."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._since: tuple[float, float] | None = None
        self._tokens = 0

    def __call__(self, event: dict[str, object]) -> None:
        """One optimiser step is done."""
        cpu, wall = time.process_time(), time.perf_counter()
        total = event["tokens"]
        assert isinstance(total, int), "training events count tokens"
        if self._since is None:
            self._channel.say("begun")
        else:
            self._channel.say(
                "stepped", cpu=cpu - self._since[0], wall=wall - self._since[1], tokens=total - self._tokens
            )
        self._tokens = total
        command = self._channel.read()
        if command is None or command["do"] != "step":
            os._exit(0)
        self._since = time.process_time(), time.perf_counter()


def job_of(request: dict[str, Any]) -> TrainJob:
    """The training that is stepped: the arm's (the first, if none is named), for `steps` optimiser steps, on one thread
    of a processor.

    Raises `InputError` for a wrong suite or arm.
    """
    loaded = load_suite(request["suite"], profile=request["profile"], overrides=tuple(request["overrides"]))
    home = Path(request["home"])
    jobs: dict[str, TrainJob] = {}
    for one in plan(resolve(loaded, home=home), home=home).jobs:
        if isinstance(one.job, TrainJob):
            jobs.setdefault(one.job.arm, one.job)
    arm = request["arm"] or next(iter(jobs), "")
    if arm not in jobs:
        raise InputError(
            Problem(
                reference="gate.unknown-arm",
                what=f"the suite has no arm {arm!r} that trains",
                where=str(loaded.path),
                hint=did_you_mean(arm, jobs),
            )
        )
    budget = Budget(unit="steps", amount=request["steps"])
    return jobs[arm].model_copy(update={"budget": budget, "threads": 1, "steps_between_saves": None})


def main() -> None:
    """Serve until stdin ends."""
    channel = Channel()
    request = channel.read()
    if request is None:
        return
    torch.set_num_threads(1)
    try:
        job = job_of(request)
        facts = count_training(job)
    except Exception as error:
        traceback.print_exc()
        channel.fail(error)
        return
    gc.collect()
    gc.freeze()  # as in bench.worker: a fork neither scans nor copies what was imported
    channel.say(
        "ready",
        protocol=PROTOCOL,
        version=bench.__version__,
        package=str(Path(bench.__file__).parent),
        arm=job.arm,
        device=device(),
        versions=versions(TRAINING_LIBRARIES),
        facts=facts,
    )
    with tempfile.TemporaryDirectory(prefix="bench-gate-") as folder:
        while (command := channel.read()) is not None:
            if command["do"] == "begin":
                _serve_worker(job, channel, Path(folder), command.get("core"))


def _serve_worker(job: TrainJob, channel: Channel, folder: Path, core: int | None) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    worker = os.fork()
    if worker == 0:
        _work(job, channel, folder, core)
    _, status = os.waitpid(worker, 0)
    channel.say("ended", code=os.waitstatus_to_exitcode(status))


def _work(job: TrainJob, channel: Channel, folder: Path, core: int | None) -> NoReturn:
    """The fork's whole life; `Stepper` ends it when told to."""
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        steps = int(job.budget.amount)
        run_probe(ProbeJob(training=job, steps=steps, digest=job.digest), folder, Stepper(channel))
        raise RuntimeError(f"asked for more than the {steps} steps that were planned")
    except BaseException as error:
        traceback.print_exc()
        channel.fail(error)
    finally:
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
