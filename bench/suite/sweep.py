"""A learning rate that is chosen from a few, on rows that nothing which is reported reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, field_validator

from bench.spec import Spec

DEV = "dev"
"""The held-out part of the arm's own training data."""

Rate = Annotated[float, Field(gt=0)]


class LearningRateSweep(Spec):
    """`learning_rate = { sweep = [1e-5, 3e-5, 1e-4] }`: each arm trains once at each rate, with the suite's first seed,
    on its data without the dev rows; the rate with the lowest loss on those is the one of its trainings."""

    sweep: tuple[Rate, ...] = Field(min_length=2, max_length=32)
    """The rates, each once."""
    on: str = Field(default=DEV, min_length=1)
    """`dev`: a tenth of the arm's training rows, at most 500, held out of the sweep's trainings; or the name of a
    `[data]` table. Rows that an eval of the suite reads are never among them."""

    @field_validator("sweep")
    @classmethod
    def _each_once(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(rates)) != len(rates):
            raise ValueError("give each rate once")
        return rates


def _form(value: Any) -> str:
    return "sweep" if isinstance(value, Mapping | LearningRateSweep) else "rate"


LearningRate = Annotated[
    Annotated[Rate, Tag("rate")] | Annotated[LearningRateSweep, Tag("sweep")], Discriminator(_form)
]
"""Told apart by their form, so that what is wrong is said of the one that was meant."""
