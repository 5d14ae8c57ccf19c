"""Training losses as published logs have them: the mean of every so many steps, and of all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.record.record import Record
from bench.record.results.training.ledger import Step
from bench.record.results.training.result import TrainResult
from bench.report.analysis.run_facts.subjects import planned_arms, trainings_of
from bench.suite.tables.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLosses:
    """One arm; each loss is a mean over its finished trainings, in nats."""

    arm: str
    every: int
    """Steps of each mean: `run.log_every`."""
    losses: tuple[float | None, ...]
    """After `every` steps, after twice as many, and so on, each the mean of the steps since the last; `None` where a
    training has no finite one. Steps after the last full window are in none, as in transformers' logs."""
    whole: float | None
    """Mean of all steps, transformers' `train_loss`; where the recipe averages over batches, of all forward passes."""

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """First and last step of each of `losses`."""
        return tuple((number * self.every + 1, (number + 1) * self.every) for number in range(len(self.losses)))


def logged_losses(record: Record) -> tuple[LoggedLosses, ...]:
    """One for each arm with a finished training, in the suite's order; empty unless the suite says how often."""
    suite = record.resolved.suite
    every = suite.run.log_every
    if every is None:
        return ()
    logged = []
    for arm in planned_arms(record):
        results = [t.result for t in trainings_of(record, arm.name) if t.result is not None]
        if results:
            recipe = suite.recipe[arm.recipe]
            logged.append(
                LoggedLosses(
                    arm=arm.name,
                    every=every,
                    losses=_over_seeds([_windows(result, every) for result in results]),
                    whole=_over_seeds([(_whole(result, recipe),) for result in results])[0],
                )
            )
    return tuple(logged)


def _windows(result: TrainResult, every: int) -> tuple[float | None, ...]:
    steps = result.steps
    return tuple(_mean(steps[end - every : end], [1.0] * every) for end in range(every, len(steps) + 1, every))


def _whole(result: TrainResult, recipe: Recipe) -> float | None:
    """Forward passes of a step are its rows by the batch, which only whole rows in batches of one size tell."""
    counted = recipe.loss_average == "batches" and recipe.packing == "none" and recipe.batch_tokens is None
    passes = [math.ceil(step.rows / recipe.batch_rows) if counted else 1 for step in result.steps]
    return _mean(result.steps, passes)


def _mean(steps: Sequence[Step], weights: Sequence[float]) -> float | None:
    scored = [(step.loss, weight) for step, weight in zip(steps, weights, strict=True) if step.loss is not None]
    total = sum(weight for _, weight in scored)
    return sum(loss * weight for loss, weight in scored) / total if total else None


def _over_seeds(lines: Sequence[tuple[float | None, ...]]) -> tuple[float | None, ...]:
    """Up to the shortest training."""
    return tuple(
        None if any(value is None for value in values) else fmean(value for value in values if value is not None)
        for values in zip(*lines, strict=False)
    )
