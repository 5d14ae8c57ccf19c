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
    shape = _SHAPES[recipe.schedule](recipe, warmup, steps)

    def factor(step: int) -> float:
        return step / max(1, warmup) if step < warmup else shape(step)

    return factor


_Shape = Callable[[int], float]
"""Factor of a step (from 0) after warm-up."""


def _decay(curve: Callable[[Recipe, float], float]) -> Callable[[Recipe, int, int], _Shape]:
    """A curve over the progress from the end of warm-up (0) to the end (1), from 1 down to the floor."""

    def shape(recipe: Recipe, warmup: int, steps: int) -> _Shape:
        floor = _floor(recipe)

        def factor(step: int) -> float:
            progress = min(1.0, (step - warmup) / max(1, steps - warmup))
            return floor + (1.0 - floor) * curve(recipe, progress)

        return factor

    return shape


def _floor(recipe: Recipe) -> float:
    lowest = _POLYNOMIAL_END if recipe.schedule == "polynomial" else 0.0
    return (lowest if recipe.min_learning_rate is None else recipe.min_learning_rate) / recipe.rate


_POLYNOMIAL_END = 1e-7
_INVERSE_SQRT_TIMESCALE = 10_000


def _restarts(recipe: Recipe, progress: float) -> float:
    if progress >= 1.0:
        return 0.0
    return 0.5 * (1.0 + math.cos(math.pi * ((recipe.schedule_cycles * progress) % 1.0)))


def _inverse_sqrt(recipe: Recipe, warmup: int, steps: int) -> _Shape:
    timescale = warmup or _INVERSE_SQRT_TIMESCALE
    return lambda step: 1.0 / math.sqrt((step + timescale - warmup) / timescale)


def _warmup_stable_decay(recipe: Recipe, warmup: int, steps: int) -> _Shape:
    floor = _floor(recipe)
    decay = decay_steps(recipe, steps)
    start = max(warmup, steps - decay)

    def factor(step: int) -> float:
        if step < start:
            return 1.0
        progress = min(1.0, (step - start) / max(1, decay))
        return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return factor


def decay_steps(recipe: Recipe, steps: int) -> int:
    """Steps in which `warmup_stable_decay` falls."""
    return math.ceil(recipe.schedule_decay * steps)


_constant = _decay(lambda recipe, progress: 1.0)
_SHAPES: dict[str, Callable[[Recipe, int, int], _Shape]] = {
    "constant": _constant,
    "constant_with_warmup": _constant,
    "linear": _decay(lambda recipe, progress: 1.0 - progress),
    "cosine": _decay(lambda recipe, progress: 0.5 * (1.0 + math.cos(math.pi * progress))),
    "cosine_with_restarts": _decay(_restarts),
    "polynomial": _decay(lambda recipe, progress: (1.0 - progress) ** recipe.schedule_power),
    "inverse_sqrt": _inverse_sqrt,
    "warmup_stable_decay": _warmup_stable_decay,
}
