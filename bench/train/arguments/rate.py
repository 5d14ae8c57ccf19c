"""The learning rate of each optimiser step: transformers' schedules, and a floor under those that have none there.

Contract: without `min_learning_rate` the rates are those of `transformers.get_scheduler` to the last digit, so that
published hyper-parameters mean here what they meant there. With it, warm-up still begins at 0.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import get_scheduler

from bench.errors import InputError, Problem
from bench.suite.tables.training.recipe import Recipe

_NAMED = {"constant": "constant_with_warmup"}
"""Schedules under another name in transformers, where `constant` takes no warm-up."""


def make_scheduler(recipe: Recipe, steps: int) -> Callable[[Optimizer], LRScheduler]:
    """Maker of the recipe's schedule over `steps` optimiser steps, on an optimiser whose rate is the recipe's.

    Raises `InputError` for a minimum that this optimiser or schedule cannot have.
    """
    if recipe.schedule == "polynomial":
        end = _POLYNOMIAL_END if recipe.min_learning_rate is None else recipe.min_learning_rate
        if end >= recipe.rate:
            raise _refused(f"polynomial ends at {end:g}, which is not below the learning rate {recipe.rate:g}")
        return _theirs(recipe, steps, power=recipe.schedule_power, lr_end=end)
    make_schedule = _theirs(recipe, steps, **_special(recipe, steps))
    if recipe.min_learning_rate is None:
        return make_schedule
    if recipe.optimizer.endswith("layerwise"):
        raise _refused(f"{recipe.optimizer} has a schedule for each layer, and transformers gives these no minimum")
    floor, warmup = recipe.min_learning_rate / recipe.rate, recipe.warmup_steps(steps)
    shape = make_schedule(SGD([Parameter(torch.zeros(1))], lr=recipe.rate))
    return lambda optimizer: LambdaLR(optimizer, _raised(shape, floor, warmup))


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """Rate of each of so many optimiser steps, for a trainer without transformers' schedules."""
    optimizer = SGD([Parameter(torch.zeros(1))], lr=recipe.rate)
    scheduler = make_scheduler(recipe, steps)(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


_POLYNOMIAL_END = 1e-7
"""The rate at which `polynomial` ends without `min_learning_rate`, as in transformers."""


def _theirs(recipe: Recipe, steps: int, **special: Any) -> Callable[[Optimizer], LRScheduler]:
    warmup = recipe.warmup_steps(steps)

    def make(optimizer: Optimizer) -> LRScheduler:
        scheduler: LRScheduler = get_scheduler(
            _NAMED.get(recipe.schedule, recipe.schedule),
            optimizer,
            num_warmup_steps=warmup,
            num_training_steps=max(steps, warmup + 1),  # some divide by what warm-up leaves
            scheduler_specific_kwargs=special or None,
        )
        return scheduler

    return make


def _special(recipe: Recipe, steps: int) -> dict[str, Any]:
    """Arguments that one schedule has."""
    if recipe.schedule == "cosine_with_restarts":
        return {"num_cycles": recipe.schedule_cycles}
    if recipe.schedule == "warmup_stable_decay":
        return {"num_decay_steps": math.ceil(recipe.schedule_decay * steps)}
    return {}


def _raised(scheduler: Any, floor: float, warmup: int) -> Callable[[int], float]:
    """The factor of `scheduler`, between `floor` and 1 after warm-up."""
    (factor,) = set(scheduler.lr_lambdas)

    def raised(step: int) -> float:
        value = float(factor(step))
        return value if step < warmup else floor + (1.0 - floor) * value

    return raised


def _refused(what: str) -> InputError:
    hint = "choose another min_learning_rate, schedule or optimizer"
    return InputError(Problem(reference="recipe.refused", what=what, where="recipe.*.min_learning_rate", hint=hint))
