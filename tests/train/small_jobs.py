"""Small training jobs."""

from pathlib import Path
from typing import Any

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Step
from tests.fakes.training import WORLD_ROWS as ROWS
from tests.fakes.training import make_job, make_recipe, resolved_model, stored_data

BUDGET = {"unit": "tokens", "amount": 1_200}


def job_in(
    world: Path, *, budget: dict[str, Any] = BUDGET, recipe: dict[str, Any] | None = None, **fields: Any
) -> TrainJob:
    """A job on the world's base and rows."""
    data = stored_data(world, ROWS)
    return make_job(resolved_model(world / "base"), data, recipe=make_recipe(**recipe or {}), budget=budget, **fields)


def step(number: int, loss: float | None, supervised: int) -> Step:
    """A step for arithmetic."""
    return Step(
        step=number, loss=loss, gradient_norm=1.0, learning_rate=1e-3, tokens=50,
        supervised_tokens=supervised, slots=60, rows=2, seconds=0.1,
    )  # fmt: skip
