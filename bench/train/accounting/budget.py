"""Budgets in operations and seconds: what one row costs, and how many tokens some seconds are worth."""

from collections.abc import Callable

from bench.record.jobs.train_job import TrainJob
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.flops import prompt_of, row_work
from bench.train.accounting.rates import training_rates
from bench.train.arguments.adapters import peft_config
from bench.train.batches.encoded_row import EncodedRow

PILOT_STEPS = 6
"""Optimiser steps that are timed, and undone, before a training whose budget is seconds."""


def row_operations(job: TrainJob) -> Callable[[EncodedRow], int]:
    """Model operations (forward and backward, no padding, attention within the row) of training on one row."""
    adapter = peft_config(job.recipe, job.model)
    operations = training_rates(job, adapter, checkpointing=False)
    prompt = prompt_of(adapter)
    return lambda example: operations.training(row_work(example, prompt))


def pilot_job(job: TrainJob) -> TrainJob:
    """A few steps of the same training, for its speed."""
    return job.model_copy(
        update={
            "budget": Budget(unit="steps", amount=PILOT_STEPS),
            "recipe": job.recipe.model_copy(update={"validation": None}),
            "steps_between_saves": None,
            "track": (),
        }
    )


def planned_budget(budget: Budget, tokens_per_second: float) -> Budget:
    """Tokens that `budget`, in seconds, is worth at the speed of the pilot."""
    return Budget(unit="tokens", amount=max(1, round(budget.amount * tokens_per_second)))
