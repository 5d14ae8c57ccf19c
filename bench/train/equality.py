"""Whether two engines learn the same from the same batches: losses of the first steps, and the first gradient.

Contract: both run the same scheduled batches from the same weights. Nothing of either is kept but what is compared.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


def compare_engines(first: TrainJob, second: TrainJob, *, steps: int = STEPS) -> EngineEquality:
    """The first steps of one training by two engines."""
    (losses, gradient), (other_losses, other_gradient) = _begin(first, steps), _begin(second, steps)
    pairs = [
        (one, other) for one, other in zip(losses, other_losses, strict=True) if one is not None and other is not None
    ]
    cosine = torch.nn.functional.cosine_similarity(gradient.double(), other_gradient.double(), dim=0)
    return EngineEquality(
        differences=tuple(other - one for one, other in pairs), steps=len(losses), gradient_cosine=float(cosine)
    )


def engine_equality(job: TrainJob) -> str | None:
    """What a job's engine shows beside TRL's plain trainer, in words; `None` of that trainer itself."""
    if job.recipe.engine == "trl":
        return None
    plain = job.model_copy(update={"recipe": job.recipe.model_copy(update={"engine": "trl"})})
    return compare_engines(plain, job).words


def _begin(job: TrainJob, steps: int) -> tuple[list[float | None], Tensor]:
    """Losses of the first steps, and the first step's gradient of all trained weights as one vector."""
    with tempfile.TemporaryDirectory(prefix="bench-equality-") as folder:
        prepared = prepare(job, Path(folder), ignore_event, budget=known_budget(job), only_steps=steps)
        with _first_gradient(prepared.trainer.model) as gradients:
            prepared.trainer.run()
    return [step.loss for step in prepared.meter.steps], torch.cat(gradients)


@contextmanager
def _first_gradient(model: torch.nn.Module) -> Iterator[list[Tensor]]:
    """Gradients of `model` at the first step of an optimiser, each as a vector; clipping changes only their length."""
    gradients: list[Tensor] = []

    def keep(*_: Any) -> None:
        if not gradients:
            gradients.extend(
                parameter.grad.detach().float().cpu().flatten()
                for parameter in model.parameters()
                if parameter.grad is not None
            )

    handle = register_optimizer_step_pre_hook(keep)
    try:
        yield gradients
    finally:
        handle.remove()
