"""Training data from a job's stored rows: rendered, split, packed, scheduled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from bench.data.render.render import Renderer, make_renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.model.loading.load import load_tokenizer
from bench.record.jobs.train_job import TrainJob
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.budget import row_operations
from bench.train.arguments.adapters import peft_config, virtual_tokens
from bench.train.batches.encoded_row import Batch
from bench.train.batches.loss_mask import supervised
from bench.train.batches.schedule import Schedule, plan_schedule
from bench.train.batches.validation_rows import split_rows, validation_batches

UNCUT = 2**31 - 1
"""Length limit of a renderer whose rows are cut by packing or by a reader of its own, not by it."""
_PACKINGS_THAT_CUT = frozenset({"bfd_split", "wrapped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Rows and batches of a training."""

    renderer: Renderer
    schedule: Schedule
    max_length: int
    """Tokens of a row, or of a packed sequence."""
    validation: Sequence[Batch]
    """Held-out rows; none unless the recipe asks for them."""
    validation_rows: int

    def first(self, steps: int, *, with_largest_pass: bool = False) -> Self:
        """This training data, ended after so many optimiser steps; the largest pass of all among them if asked for."""
        schedule = self.schedule
        return replace(self, schedule=schedule.with_largest_pass(steps) if with_largest_pass else schedule.first(steps))


def build_training_data(job: TrainJob, *, budget: Budget, steps: int | None = None) -> TrainingData:
    """Renders and schedules a job's rows. `budget` is the job's, or the tokens that its seconds are worth; `steps`:
    where its first ones are enough.

    Raises `InputError` for a length beyond the model, and for rows that there is nothing to learn from.
    """
    recipe, limit = job.recipe, row_limit(job)
    tokenizer = load_tokenizer(job.model)
    cut_by_packing = recipe.packing in _PACKINGS_THAT_CUT
    closed = recipe.end_token
    renderer = make_renderer(tokenizer, job.model, UNCUT if cut_by_packing else limit, closed=closed)
    rows: Sequence[Row] = load_rows(Path(job.data.path))
    held: Sequence[Row] = ()
    validation: Sequence[Batch] = ()
    folder = Path(job.data.path).parent
    if recipe.validation is not None:
        rows, held = split_rows(rows, recipe.validation, job.seed)
        cut = make_renderer(tokenizer, job.model, limit, closed=closed)
        validation = validation_batches(held, supervised(cut, recipe.loss_on), recipe, folder=folder)
    schedule = plan_schedule(
        rows,
        supervised(renderer, recipe.loss_on),
        recipe,
        budget,
        max_length=limit,
        seed=job.seed,
        operations=row_operations(job) if budget.unit == "flops" else None,
        folder=folder,
        steps=steps,
    )
    return TrainingData(
        renderer=renderer, schedule=schedule, max_length=limit, validation=validation, validation_rows=len(held)
    )


def row_limit(job: TrainJob) -> int:
    """Tokens of a row, or of a packed sequence. Raises `InputError` for more than the model has positions for."""
    virtual = virtual_tokens(peft_config(job.recipe, job.model))
    positions = job.model.context_length - virtual
    limit = job.recipe.max_length or positions
    if limit > positions:
        beside = f" beside {virtual} virtual tokens" if virtual else ""
        raise InputError(
            Problem(
                reference="recipe.max-length",
                what=f"max_length {limit} is beyond the model's {job.model.context_length} positions{beside}",
                where="recipe.*.max_length",
                hint=f"use at most {positions}",
            )
        )
    return limit
