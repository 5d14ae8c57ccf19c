"""A training by a program of the user's own: rows in a file, an adapter or a whole model out.

Contract: the program gets the rows that the schedule of the recipe holds, in training order, repeats included, with the
optimiser step of each. What it wrote is held against the base as weights from elsewhere are. Tokens are those of the
rows; seconds are the wall clock's, the program's start included, for nothing is known of its inside.
"""

import shutil
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from string import Template

from bench.emit import Emit
from bench.machine.device import pick_device, pick_precision
from bench.machine.other_load import OtherLoadCounter
from bench.model.loading.load import load_skeleton
from bench.model.size.parameters import count_parameters
from bench.record.files import WEIGHTS
from bench.record.given_facts import GivenFacts
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Ledger, OtherLoad, Seconds
from bench.record.results.training.result import TrainResult
from bench.suite.tables.training.command import TrainingCommand, flat_values
from bench.train.batches.schedule import Schedule
from bench.train.probe import known_budget
from bench.train.programs.process import environment_of, run_program
from bench.train.programs.rows import ROWS, write_rows
from bench.train.programs.written import facts_of_written
from bench.train.training_data import TrainingData, build_training_data


def run_command(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    """Train by the recipe's command. Raises `RuntimeError` with the end of its log where it fails, and `InputError`
    where what it wrote does not fit the base."""
    del emit  # a program's steps are its own
    began = time.perf_counter()
    data = build_training_data(job, budget=known_budget(job))
    rows, out = folder / ROWS, folder / WEIGHTS
    shutil.rmtree(out, ignore_errors=True)  # of a program that was interrupted
    out.mkdir(parents=True)
    write_rows(rows, job, data.schedule)
    started, others = time.perf_counter(), OtherLoadCounter(pick_device())
    _call(job, data.schedule, rows=rows, out=out)
    ended = time.perf_counter()
    facts = facts_of_written(job, out)
    rows.unlink()  # it is made again from the data at any time
    seconds = Seconds(start_up=started - began, compute=ended - started, wall=time.perf_counter() - began)
    return _result(job, data, facts, _ledger(data.schedule, seconds, others.seen()))


def words_of(command: TrainingCommand, values: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled. files: paths by the names that `run` may have as words."""
    return [files.get(word) or Template(word).substitute(values) for word in command.run]


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
    environment = partial(environment_of, threads=job.threads, passed=command.environment)
    run_program(words, out.parent, environment, name="the training command", seconds=command.seconds)


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
        template=data.planned.template,
        template_note=data.planned.template_note,
        resolved={"engine": "command", "seconds": "the wall clock's, the program's start included"},
        steps=(),
        tail_loss=None,
        diverged=False,
        ledger=ledger,
        weights=WEIGHTS,
        weights_check=facts.weights_check,
        applied=facts.applied,
    )
