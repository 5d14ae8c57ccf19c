"""Training data from a job's stored rows: rendered, split, packed, scheduled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from transformers import PreTrainedTokenizerBase

from bench.data.render.render import make_renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.model.loading.kept_tokenizers import TokenizerOf
from bench.model.loading.load import load_tokenizer
from bench.record.jobs.train_job import TrainJob
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.budget import row_operations
from bench.train.accounting.rates import ADAPTERS
from bench.train.arguments.adapters import peft_config, virtual_tokens
from bench.train.batches.encoded_row import Batch
from bench.train.batches.kept_schedule import PlannedRows, keep_schedule, kept_schedule
from bench.train.batches.loss_mask import supervised
from bench.train.batches.planned_files import planned_file
from bench.train.batches.schedule import Schedule, plan_schedule
from bench.train.batches.validation_rows import split_rows, validation_batches

UNCUT = 2**31 - 1
"""Length limit of a renderer whose rows are cut by packing or by a reader of its own, not by it."""
_PACKINGS_THAT_CUT = frozenset({"bfd_split", "wrapped"})

NOT_IN_SCHEDULE = frozenset(
    {
        "learning_rate", "min_learning_rate", "schedule", "schedule_cycles", "schedule_power", "schedule_decay",
        "warmup", "optimizer", "optimizer_arguments", "optimizer_modules", "weight_decay", "weight_decay_on", "betas",
        "max_grad_norm", "loss", "loss_average", "neftune_alpha", "precision", "gradient_checkpointing",
        "torch_compile", "budget",
    }
)  # fmt: skip
"""Keys of a recipe that change no batch; a job has its budget beside the recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Rows and batches of a training."""

    tokenizer: PreTrainedTokenizerBase
    planned: PlannedRows
    max_length: int
    """Tokens of a row, or of a packed sequence."""
    validation: Sequence[Batch]
    """Held-out rows; none unless the recipe asks for them."""
    validation_rows: int

    @property
    def schedule(self) -> Schedule:
        """The batches."""
        return self.planned.schedule

    def first(self, steps: int, *, with_largest_pass: bool = False) -> Self:
        """This training data, ended after so many optimiser steps; the largest pass of all among them if asked for."""
        schedule = self.schedule
        begun = schedule.with_largest_pass(steps) if with_largest_pass else schedule.first(steps)
        return replace(self, planned=replace(self.planned, schedule=begun))


def build_training_data(
    job: TrainJob, *, budget: Budget, steps: int | None = None, tokenizer_of: TokenizerOf = load_tokenizer
) -> TrainingData:
    """Renders and schedules a job's rows, or finds what another process kept of that. `budget` is the job's, or the
    tokens that its seconds are worth; `steps`: where its first ones are enough.

    Raises `InputError` for a length beyond the model, and for rows that there is nothing to learn from.
    """
    recipe, limit = job.recipe, row_limit(job)
    tokenizer = tokenizer_of(job.model)
    rows: Sequence[Row] = load_rows(Path(job.data.path))
    held: Sequence[Row] = ()
    validation: Sequence[Batch] = ()
    if recipe.validation is not None:
        rows, held = split_rows(rows, recipe.validation, job.seed)
        cut = make_renderer(tokenizer, job.model, limit, closed=recipe.end_token)
        folder = Path(job.data.path).parent
        validation = validation_batches(held, supervised(cut, recipe.loss_on), recipe, folder=folder)
    return TrainingData(
        tokenizer=tokenizer,
        planned=_planned_rows(job, rows, tokenizer, budget=budget, steps=steps),
        max_length=limit,
        validation=validation,
        validation_rows=len(held),
    )


def schedule_key(job: TrainJob) -> list[Any]:
    """All that decides a schedule, but for a budget in seconds. What an adapter adds to it is the length that it leaves
    to rows, and the cost of one where operations are the budget; a warm start adds nothing."""
    outside = NOT_IN_SCHEDULE if job.budget.unit == "flops" else NOT_IN_SCHEDULE | ADAPTERS
    recipe = job.recipe.model_dump(mode="json", exclude=set(outside))
    budget = job.budget.model_dump(mode="json")
    return [job.from_base().model.identity, job.data.sha256, recipe, budget, job.seed, row_limit(job)]


def _planned_rows(
    job: TrainJob, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, budget: Budget, steps: int | None
) -> PlannedRows:
    """The rows in batches: as they are kept, else rendered, and then kept where it is all of them."""
    file = planned_file(job, "schedule", schedule_key(job)) if budget == job.budget else None
    known = None if file is None else kept_schedule(file)
    if known is not None:
        return known if steps is None else replace(known, schedule=known.schedule.first(steps))
    planned = _rendered(job, rows, tokenizer, budget=budget, steps=steps)
    if file is not None and steps is None:
        keep_schedule(file, planned)
    return planned


def _rendered(
    job: TrainJob, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, *, budget: Budget, steps: int | None
) -> PlannedRows:
    recipe, limit = job.recipe, row_limit(job)
    cut_by_packing = recipe.packing in _PACKINGS_THAT_CUT
    renderer = make_renderer(tokenizer, job.model, UNCUT if cut_by_packing else limit, closed=recipe.end_token)
    schedule = plan_schedule(
        rows,
        supervised(renderer, recipe.loss_on),
        recipe,
        budget,
        max_length=limit,
        seed=job.seed,
        operations=row_operations(job) if budget.unit == "flops" else None,
        folder=Path(job.data.path).parent,
        steps=steps,
    )
    return PlannedRows(schedule=schedule, template=renderer.template_of_rows, template_note=renderer.template_note)


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
