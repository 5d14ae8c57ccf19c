"""A training by a program of the user's own: rows in a file, an adapter or a whole model out.

Contract: the program gets the rows that the schedule of the recipe holds, in training order, repeats included, with the
optimiser step of each; it sees no secret of this process's environment and has an empty home folder. What it wrote is
held against the base as weights from elsewhere are. Tokens are those of the rows; seconds are the wall clock's, the
program's start included, for nothing is known of its inside.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from bench.data.render.row import Turn
from bench.data.store import load_rows
from bench.emit import Emit
from bench.errors import InputError, Problem
from bench.machine.device import pick_device, pick_precision
from bench.machine.other_load import OtherLoadCounter
from bench.model.loading.load import count_parameters, load_skeleton
from bench.record.files import WEIGHTS
from bench.record.given_facts import GivenFacts
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Ledger, OtherLoad, Seconds
from bench.record.results.training.result import TrainResult
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from bench.suite.resolved import ResolvedWeights
from bench.suite.tables.training.command import TrainingCommand, flat_values
from bench.train.applied.fit_given import given_facts
from bench.train.batches.schedule import Schedule
from bench.train.probe import known_budget
from bench.train.training_data import TrainingData, build_training_data

ROWS = "rows.jsonl"
_PASSED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_TAIL_CHARACTERS = 200
"""Fewer than a job's message may have, so that the end of a program's log is in it whole."""


def run_command(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    """Train by the recipe's command. Raises `RuntimeError` with the end of its log where it fails, and `InputError`
    where what it wrote does not fit the base."""
    del emit  # a program's steps are its own
    began = time.perf_counter()
    data = build_training_data(job, budget=known_budget(job))
    rows, out = folder / ROWS, folder / WEIGHTS
    out.mkdir(parents=True)
    write_rows(rows, job, data.schedule)
    started, others = time.perf_counter(), OtherLoadCounter(pick_device())
    _call(job, data.schedule, rows=rows, out=out)
    ended = time.perf_counter()
    facts = _checked(job, out)
    rows.unlink()  # it is made again from the data at any time
    seconds = Seconds(start_up=started - began, compute=ended - started, wall=time.perf_counter() - began)
    return _result(job, data, facts, _ledger(data.schedule, seconds, others.seen()))


def write_rows(path: Path, job: TrainJob, schedule: Schedule) -> None:
    """One JSON object a line, in training order: `step`, `input_ids`, `labels` (-100 where nothing is learned) and the
    `messages` that they were rendered from."""
    stored = load_rows(Path(job.data.path))
    with path.open("w", encoding="utf-8") as file:
        for place, batch in enumerate(schedule.batches):
            for (example,) in batch:
                row = {
                    "step": place // schedule.accumulation + 1,
                    "input_ids": example.ids.tolist(),
                    "labels": example.labels.tolist(),
                    "messages": [message(turn) for turn in stored[example.rows[0]].turns],
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def message(turn: Turn) -> dict[str, Any]:
    """A turn as chat templates read it; Alpaca's second field follows the instruction."""
    content = turn.content if turn.input is None else f"{turn.content}\n\n{turn.input}"
    return {"role": turn.role, "content": content}


def words_of(command: TrainingCommand, values: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled. files: paths by the names that `run` may have as words."""
    return [files.get(word) or Template(word).substitute(values) for word in command.run]


def environment_of(command: TrainingCommand, home: Path, threads: int) -> dict[str, str]:
    """What the program sees: no secret, an empty home folder, the threads of the job."""
    passed = {name: os.environ[name] for name in (*_PASSED, *command.environment) if name in os.environ}
    count = str(threads)
    libraries = {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OMP_WAIT_POLICY": "PASSIVE"}
    return {**passed, **libraries, "HOME": str(home), "PYTHONUNBUFFERED": "1"}


def _call(job: TrainJob, schedule: Schedule, *, rows: Path, out: Path) -> None:
    command = job.recipe.command
    assert command is not None, "validated"
    values = {
        **flat_values(job.recipe.model_dump(mode="json")),
        "python": sys.executable,
        "rows": str(rows),
        "model": job.model.path,
        "out": str(out),
        "seed": str(job.seed),
        "steps": str(schedule.steps),
        "epochs": f"{schedule.epochs:g}",
        "threads": str(job.threads),
    }
    words = words_of(command, values, {file.name: file.path for file in job.program})
    with tempfile.TemporaryDirectory(prefix="start-", dir=out.parent) as home:
        _run(words, environment_of(command, Path(home), job.threads), cwd=Path(home), seconds=command.seconds)


def _run(words: list[str], environment: dict[str, str], *, cwd: Path, seconds: float | None) -> None:
    """Run a program to its end, with its output in this job's log. Raises `RuntimeError` where it fails."""
    _log(f"$ {shlex.join(words)}")
    lines: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            program = subprocess.Popen(
                words, env=environment, cwd=cwd, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            raise RuntimeError(f"{words[0]} does not start: {error.strerror}") from error
        try:
            code = program.wait(timeout=seconds)
            why = None if code == 0 else f"exit {code}"
        except subprocess.TimeoutExpired:
            why = f"ended after {seconds:g} s"
        finally:
            _end(program)
            log.seek(0)
            lines = log.read().splitlines()
            _log("\n".join(lines))
    if why is not None:
        said = " | ".join(line.strip() for line in lines if line.strip())
        end = said if len(said) <= _TAIL_CHARACTERS else f"…{said[-_TAIL_CHARACTERS:]}"
        raise RuntimeError(f"the training command failed ({why}): {end or 'it printed nothing'}")


def _log(text: str) -> None:
    """Add to the log of this job, which is its standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _end(program: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


def _checked(job: TrainJob, out: Path) -> GivenFacts:
    """Facts about what was written. Raises `InputError` where it does not fit the base."""
    adapter = (out / ADAPTER_CONFIG).is_file()
    if adapter != (job.recipe.method == "lora") or not any(out.glob("*.safetensors")):
        wanted = f"{ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}" if job.recipe.method == "lora" else (
            "config.json and *.safetensors, and no adapter"
        )  # fmt: skip
        found = ", ".join(sorted(file.name for file in out.iterdir())) or "nothing"
        what = f'method = "{job.recipe.method}" asks for {wanted}; the command wrote {found}'
        raise InputError(
            Problem(reference="recipe.command", what=what, where="${out}", hint="save_pretrained writes them")
        )
    form = "adapter" if adapter else "weights"
    weights = ResolvedWeights(source="${out}", form=form, revision=None, path=str(out), sha256=job.digest)
    return given_facts(job.model, weights)


def _ledger(schedule: Schedule, seconds: Seconds, other_load: OtherLoad) -> Ledger:
    return Ledger(
        rows=schedule.rows,
        distinct_rows=schedule.distinct_rows,
        epochs=schedule.epochs,
        steps=schedule.steps,
        slots=schedule.slots,
        tokens=schedule.tokens,
        supervised_tokens=schedule.supervised_tokens,
        truncated_rows=schedule.truncated_rows,
        dropped_rows=schedule.dropped_rows,
        refused_rows=schedule.refused_rows,
        seconds=seconds,
        warmup_steps_left_out=0,
        tokens_per_second=schedule.tokens / seconds.compute,
        peak_process_bytes=None,
        peak_device_bytes=None,
        other_load=other_load,
    )


def _result(job: TrainJob, data: TrainingData, facts: GivenFacts, ledger: Ledger) -> TrainResult:
    whole, _ = count_parameters(load_skeleton(job.model))
    adapted = job.recipe.method == "lora"
    device = pick_device()
    return TrainResult(
        parameters=whole + facts.parameters if adapted else whole,
        trainable_parameters=facts.parameters if adapted else whole,
        precision=pick_precision(job.recipe.precision, device),
        device=device.type,
        template=data.renderer.template_of_rows,
        template_note=data.renderer.template_note,
        resolved={"engine": "command", "seconds": "the wall clock's, the program's start included"},
        steps=(),
        tail_loss=None,
        diverged=False,
        ledger=ledger,
        weights=WEIGHTS,
        weights_check=facts.weights_check,
        applied=facts.applied,
    )
