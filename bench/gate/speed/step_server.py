"""A process that steps one version's training of an arm, or its eval of the base, on request.

Run by each version with its own code and libraries (`version_process.py`): each loads the same suite by itself, so
that nothing of one version's types has to fit the other's. JSON Lines on stdin and stdout, protocol 1:

    → {"suite": …, "profile": …, "overrides": […], "arm": …, "eval": …, "steps": …, "home": …,
       "trust_remote_code": …, "counts": true}
    ← {"type": "ready", "protocol": 1, "version": …, "package": …, "arm": …, "device": …, "versions": {…}, "facts": {…},
       "replicates": true}
    → {"do": "begin", "core": 0, "replicate": 0}     forks a fresh worker, which loads the model and does one step; each
       replicate is another training seed
    ← {"type": "begun", "loss": …, "gradient_norm": …}
    → {"do": "step"}                 one optimiser step, data and schedule included; or one batch of the eval
    ← {"type": "stepped", "cpu": seconds, "wall": seconds, "tokens": non-padding tokens, "memory": bytes, "loss": …,
       "gradient_norm": …, "counts": {"slots": …, "model_flops": …, …}}              counts only if they were asked for
    → {"do": "end"}                  the worker ends
    ← {"type": "ended", "code": 0}
    ← {"type": "failed", "message": …, "problems": […]}    instead of any answer

The libraries are imported once, before `ready`; a worker is a fork. What is printed goes to stderr. The end of stdin
ends both processes.
"""

import gc
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch

import bench
from bench.emit import Event, ExamplesDone, StageDone, StepDone
from bench.errors import InputError, Problem, did_you_mean
from bench.evals.job import run_eval
from bench.gate.speed.counting import Counts, SoFar, counts_of, nothing_more
from bench.gate.speed.versions import PROTOCOL
from bench.machine.device import pick_device
from bench.machine.peak_memory import PeakMemory
from bench.record.environment import TRAINING_LIBRARIES, device, versions
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.run.plan.plan import plan
from bench.run.process.failure_report import FailureReport
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.suite.load import load_suite
from bench.suite.tables.arms.arms import recipe_name
from bench.suite.tables.training.budget import Budget
from bench.train.planning.exact_counts import count_training, training_facts
from bench.train.probe import run_probe

J = TypeVar("J")


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
        self._write({"type": kind, **fields})

    def _write(self, message: dict[str, object]) -> None:
        os.write(self._answers, json.dumps(message).encode() + b"\n")

    def fail(self, error: BaseException) -> None:
        """Tells why there is no answer."""
        self._write(FailureReport.of(error).model_dump())


class Stepper:
    """Called after each step of running work: answers with what the step took, and waits for the command to go on.

    announced: each round of the work sends an event before its first step, as an eval does when its scoring begins. The
    first step of all is not timed: `begun` follows it.
    """

    def __init__(self, channel: Channel, so_far: SoFar, *, announced: bool) -> None:
        self._channel, self._so_far, self._announced = channel, so_far, announced
        self._memory = PeakMemory(pick_device())
        self._memory.start()
        self._since = time.process_time(), time.perf_counter()
        self._done: Counts = {}
        self._beginning = announced
        self._steps = 0
        self._steps_before_round = 0

    def __call__(self, event: Event) -> None:
        """A step is done, or a round begins."""
        if isinstance(event, StageDone):
            return
        cpu, wall = time.process_time(), time.perf_counter()
        done: Counts = {"tokens": _tokens(event), **self._so_far(event)}
        if self._beginning:
            self._beginning, self._done = False, done
        else:
            learned = {name: getattr(event, name, None) for name in ("loss", "gradient_norm")}
            self._answer(cpu - self._since[0], wall - self._since[1], _minus(done, self._done), learned)
            self._done = done
        self._since = time.process_time(), time.perf_counter()

    def again(self) -> None:
        """The work is over and begins anew. Raises `RuntimeError` if it had no step: the next round has none either."""
        if self._steps == self._steps_before_round:
            raise RuntimeError("there is nothing to step: the work ended without a batch")
        self._steps_before_round, self._beginning, self._done = self._steps, self._announced, {}

    def _answer(self, cpu: float, wall: float, size: Counts, learned: Mapping[str, float | None]) -> None:
        self._steps += 1
        if self._steps == 1:
            self._channel.say("begun", **learned)
        else:
            memory = self._memory.device_bytes() or self._memory.process_bytes()
            tokens = size.pop("tokens")
            self._channel.say("stepped", cpu=cpu, wall=wall, tokens=tokens, memory=memory, counts=size, **learned)
        command = self._channel.read()
        if command is None or command["do"] != "step":
            os._exit(0)


def _tokens(event: Event) -> int | None:
    """Tokens of the work so far."""
    if isinstance(event, StepDone):
        return event.tokens
    return event.passes.tokens if isinstance(event, ExamplesDone) and event.passes is not None else None


def _minus(total: Counts, before: Counts) -> Counts:
    """What came in addition; `None` where it is not known."""
    return {name: None if value is None else value - (before.get(name) or 0) for name, value in total.items()}


def jobs_of(request: dict[str, Any]) -> list[TrainJob] | list[EvalJob]:
    """What is stepped, on one thread of a processor: the base on `eval`, if that is named, else the trainings of `arm`
    (the first, if none is named), one for each of its seeds, for `steps` optimiser steps.

    Raises `InputError` for a wrong suite, eval or arm.
    """
    loaded = load_suite(
        request["suite"],
        profile=request["profile"],
        overrides=tuple(request["overrides"]),
        trust_remote_code=request.get("trust_remote_code", False),
    )
    home = Path(request["home"])
    trainings: dict[str, list[TrainJob]] = {}
    evals: dict[str, EvalJob] = {}
    resolved = resolve(loaded, home=home, server=ChildServer(method="fork"))
    for entry in plan(resolved, home=home).jobs:
        if isinstance(entry.job, TrainJob):
            trainings.setdefault(entry.job.arm, []).append(entry.job)
        elif isinstance(entry.job, EvalJob) and entry.arm is None and entry.job.judging is None:
            evals.setdefault(entry.job.eval.name, entry.job)
    if request.get("eval") is not None:
        return [_pick("eval", request["eval"], evals, loaded.path).model_copy(update={"threads": 1})]
    arm = request["arm"] or next(iter(trainings), "")
    budget = Budget(unit="steps", amount=request["steps"])
    changes = {"budget": budget, "threads": 1, "steps_between_saves": None}
    picked = _pick("arm", arm, trainings, loaded.path)
    if picked[0].recipe.processes > 1:
        name = recipe_name(arm)
        what = (
            f"a step of {arm} is the work of {picked[0].recipe.processes} processes, and the gate steps one on one core"
        )
        hint = f"--set recipe.{name}.launch.processes=1"
        raise InputError(
            Problem(reference="gate.processes", what=what, where=f"recipe.{name}.launch.processes", hint=hint)
        )
    return [job.model_copy(update=changes) for job in picked]


def replicate_of(jobs: Sequence[TrainJob] | Sequence[EvalJob], number: int) -> TrainJob | EvalJob:
    """The job of one replicate: the suite's trainings by seed, then the first one with seeds that follow theirs."""
    first = jobs[0]
    if number < len(jobs) or isinstance(first, EvalJob):
        return jobs[number % len(jobs)]
    seeds = [job.seed for job in jobs if isinstance(job, TrainJob)]
    return first.model_copy(update={"seed": max(seeds) + 1 + number - len(jobs)})


def _pick(kind: str, name: str, jobs: Mapping[str, J], path: Path) -> J:
    if name not in jobs:
        what = f"the suite has no {kind} {name!r} that " + ("trains" if kind == "arm" else "loads the base")
        hint = did_you_mean(name, jobs)
        raise InputError(Problem(reference=f"gate.unknown-{kind}", what=what, where=str(path), hint=hint))
    return jobs[name]


def facts_of(job: TrainJob | EvalJob) -> dict[str, int | None]:
    """Exact counts of a training; without operations and bytes where the architecture hides them. None of an eval."""
    if isinstance(job, EvalJob):
        return {}
    try:
        return training_facts(job).model_dump()
    except InputError:
        raise
    except Exception:  # whatever a foreign architecture raises without weights
        traceback.print_exc()
        return count_training(job).model_dump()


def main() -> None:
    """Serve until stdin ends."""
    channel = Channel()
    request = channel.read()
    if request is None:
        return
    torch.set_num_threads(1)
    try:
        jobs = jobs_of(request)
        job = jobs[0]
        facts = facts_of(job)
        so_far = counts_of(job) if request.get("counts") else nothing_more
    except Exception as error:
        traceback.print_exc()
        channel.fail(error)
        return
    gc.collect()
    gc.freeze()  # as in bench.worker.kinds: a fork neither scans nor copies what was imported
    channel.say(
        "ready",
        protocol=PROTOCOL,
        version=bench.__version__,
        package=str(Path(bench.__file__).parent),
        arm=job.arm if isinstance(job, TrainJob) else job.id,
        device=device(),
        versions=versions(TRAINING_LIBRARIES),
        facts=facts,
        replicates=isinstance(job, TrainJob),
    )
    with tempfile.TemporaryDirectory(prefix="bench-gate-") as folder:
        while (command := channel.read()) is not None:
            if command["do"] == "begin":
                replicate = replicate_of(jobs, command.get("replicate", 0))
                _serve_worker(replicate, channel, so_far, Path(folder), command.get("core"))


def _serve_worker(job: TrainJob | EvalJob, channel: Channel, so_far: SoFar, folder: Path, core: int | None) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    worker = os.fork()
    if worker == 0:
        _work(job, channel, so_far, folder, core)
    _, status = os.waitpid(worker, 0)
    channel.say("ended", code=os.waitstatus_to_exitcode(status))


def _work(job: TrainJob | EvalJob, channel: Channel, so_far: SoFar, folder: Path, core: int | None) -> NoReturn:
    """The fork's whole life; `Stepper` ends it on request."""
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        stepper = Stepper(channel, so_far, announced=isinstance(job, EvalJob))
        if isinstance(job, EvalJob):
            while True:
                run_eval(job, folder, stepper)
                stepper.again()
        steps = int(job.budget.amount)
        run_probe(ProbeJob(training=job, steps=steps, digest=job.digest), folder, stepper)
        raise RuntimeError(f"asked for more than the {steps} steps that were planned")
    except BaseException as error:
        traceback.print_exc()
        channel.fail(error)
    finally:
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
