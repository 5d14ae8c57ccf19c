"""The learning rate of each optimiser step, as a factor of the recipe's rate.

Contract: without `min_learning_rate` these are the schedules of `transformers.get_scheduler` to the last digit, so
that published hyper-parameters mean here what they meant there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.suite.recipe import Recipe


def warmup_steps(recipe: Recipe, steps: int) -> int:
    """Steps of linear warm-up: a share of `steps`, rounded up, below 1; a count from 1."""
    return int(recipe.warmup) if recipe.warmup >= 1 else math.ceil(recipe.warmup * steps)


def rate_factor(recipe: Recipe, steps: int) -> Callable[[int], float]:
    """Maps an optimiser step (from 0) to its factor; warm-up rises from 0, decay ends at `min_learning_rate`."""
    warmup = warmup_steps(recipe, steps)
    floor = (recipe.min_learning_rate or 0.0) / recipe.learning_rate
    decay = _DECAYS[recipe.schedule]

    def factor(step: int) -> float:
        if step < warmup:
            return step / max(1, warmup)
        progress = min(1.0, (step - warmup) / max(1, steps - warmup))
        return floor + (1.0 - floor) * decay(progress)

    return factor


def _constant(progress: float) -> float:
    return 1.0


def _linear(progress: float) -> float:
    return 1.0 - progress


def _cosine(progress: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * progress))


_DECAYS: dict[str, Callable[[float], float]] = {"constant": _constant, "linear": _linear, "cosine": _cosine}
