"""Whether two engines learn the same from the same batches: losses of the first steps, and the first gradient.

Contract: both run the same scheduled batches from the same weights. Nothing of either is kept but what is compared.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from bench.emit import ignore_event
from bench.record.jobs.train_job import TrainJob
from bench.train.prepare import prepare
from bench.train.probe import known_budget

STEPS = 20
LEAST_COSINE = 0.999
"""Cosine of the first gradients below which two engines do not learn the same: rounding to bf16 stays above it."""
MOST_DIFFERENCE = 0.02
"""Nats per token by which the loss of a step may differ by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEquality:
    """Two engines on the first steps of one training."""

    differences: tuple[float, ...]
    """Second minus first loss of each step, in nats per token; a step without a finite loss in both is left out."""
    steps: int
    gradient_cosine: float
    """Cosine of the angle between the gradients of the first step."""

    @property
    def largest_difference(self) -> float:
        """Largest difference of a step's losses, either way."""
        return max(map(abs, self.differences), default=0.0)

    @property
    def equal(self) -> bool:
        """Whether both learn the same, as far as rounding lets it be seen."""
        whole = len(self.differences) == self.steps
        return whole and self.gradient_cosine >= LEAST_COSINE and self.largest_difference <= MOST_DIFFERENCE

    @property
    def words(self) -> str:
        """`equal: losses of 20 steps within 0.0003, first gradient's cosine 1.0000`."""
        verdict = "equal" if self.equal else "learns something else"
        return (
            f"{verdict}: losses of {self.steps} steps within {self.largest_difference:.4f}, first gradient's cosine "
            f"{self.gradient_cosine:.4f}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """The first steps of one training."""

    losses: tuple[float | None, ...]
    """Nats per supervised token; `None` where not finite, which ends the training."""
    gradient: Mapping[str, Tensor]
    """Gradient of the first step, by name of each trained weight; a weight that is not named has none."""


def compare(first: FirstSteps, second: FirstSteps) -> EngineEquality:
    """The first steps of one training by two engines."""
    steps = list(zip_longest(first.losses, second.losses))
    pairs = [(before, after) for before, after in steps if before is not None and after is not None]
    shapes = {name: value.shape for name, value in {**first.gradient, **second.gradient}.items()}
    one, other = (_vector(taken.gradient, shapes) for taken in (first, second))
    cosine = torch.nn.functional.cosine_similarity(one, other, dim=0)
    return EngineEquality(
        differences=tuple(after - before for before, after in pairs), steps=len(steps), gradient_cosine=float(cosine)
    )


def _vector(gradient: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """The gradients of weights of these names and shapes as one vector; 0 of a weight without one."""
    return torch.cat([gradient.get(name, torch.zeros(shape)).flatten().double() for name, shape in shapes.items()])


def engine_equality(job: TrainJob) -> str | None:
    """What a job's engine shows beside TRL's plain trainer, in words; `None` of that trainer itself."""
    if job.recipe.engine == "trl":
        return None
    return compare(plain_steps(job), first_steps(job)).words


def plain_steps(job: TrainJob, steps: int = STEPS) -> FirstSteps:
    """The first steps of the job by TRL's plain trainer, whatever its engine."""
    return first_steps(job.model_copy(update={"recipe": job.recipe.model_copy(update={"engine": "trl"})}), steps)


def first_steps(job: TrainJob, steps: int = STEPS) -> FirstSteps:
    """The first steps of the job by the trainer of this program."""
    with tempfile.TemporaryDirectory(prefix="bench-equality-") as folder:
        prepared = prepare(job, Path(folder), ignore_event, budget=known_budget(job), only_steps=steps)
        with _first_gradient(prepared.trainer.model) as gradient:
            prepared.trainer.run()
    return FirstSteps(losses=tuple(step.loss for step in prepared.meter.steps), gradient=gradient)


@contextmanager
def _first_gradient(model: torch.nn.Module) -> Iterator[dict[str, Tensor]]:
    """Gradients of `model` at the first step of an optimiser, by name; clipping changes only their length."""
    gradients: dict[str, Tensor] = {}

    def keep(*_: Any) -> None:
        if not gradients:
            gradients.update(
                (name, parameter.grad.detach().float().cpu())
                for name, parameter in model.named_parameters()
                if parameter.grad is not None
            )

    handle = register_optimizer_step_pre_hook(keep)
    try:
        yield gradients
    finally:
        handle.remove()
