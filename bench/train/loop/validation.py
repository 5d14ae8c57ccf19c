"""Validation while training: when it is due, the loss, the best weights, when to stop.

Contract: a validation loss is the mean negative log-likelihood of the held-out rows, per supervised token or as the
mean of the batches' means, under the same mask and average as training, and the same number on all ranks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from bench.record.results.training import ValidationPoint
from bench.suite.tables.training.validation import Validation
from bench.train.batches.collate import collate
from bench.train.batches.encoded_row import Batch
from bench.train.loop.lm_head import log_probabilities
from bench.train.loop.weights import load_weights, trainable_weights
from bench.train.processes.ranks import Ranks

_EVALUATIONS = 10
"""Validations of a training whose recipe does not say how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """Scores the held-out rows of one training."""

    watch: Watch
    batches: Sequence[Batch]
    pad_token_id: int
    ranks: Ranks
    loss_average: Literal["tokens", "batches"] = "tokens"

    @torch.no_grad()
    def loss(self, trainer: Any) -> float | None:
        """Mean negative log-likelihood; `None` if it is not finite."""
        trainer.model.eval()
        total, weights = 0.0, 0
        for batch in self.batches[self.ranks.index :: self.ranks.size]:
            inputs = trainer.on_device(collate(batch, self.pad_token_id))
            with trainer.compute_loss_context_manager():
                loss = -float(log_probabilities(trainer.model, inputs, trainer.head).sum())
            tokens = inputs["counts"].supervised_tokens
            total += loss / tokens if self.loss_average == "batches" else loss
            weights += 1 if self.loss_average == "batches" else tokens
        trainer.model.train()
        total, weights = self.ranks.all_reduce_sum(total), int(self.ranks.all_reduce_sum(weights))
        return total / weights if math.isfinite(total) else None


class Watch:
    """Follows the validation losses of one training: when one is due, the best weights, whether to stop."""

    def __init__(self, validation: Validation, *, steps: int) -> None:
        """`steps`: optimiser steps that are planned."""
        self._spec = validation
        self._steps = steps
        self._every = validation.every or max(1, math.ceil(steps / _EVALUATIONS))
        self._waited = 0
        self._reference = math.inf
        """The loss that the next must be lower than by `min_delta`, or patience wears."""
        self.points: tuple[ValidationPoint, ...] = ()
        """Losses in order of steps."""
        self.best: ValidationPoint | None = None
        """The lowest loss so far; the earliest of equals."""
        self.best_weights: dict[str, torch.Tensor] = {}
        """Trainable weights at `best`, on the processor; empty unless they are to be kept."""

    def due(self, step: int) -> bool:
        """Whether to evaluate after this step."""
        return step % self._every == 0 or step == self._steps

    def note(self, step: int, loss: float | None, model: torch.nn.Module) -> bool:
        """Takes a validation loss (`None`: not finite) down; whether the training should stop."""
        point = ValidationPoint(step=step, loss=loss)
        self.points = (*self.points, point)
        best = math.inf if self.best is None or self.best.loss is None else self.best.loss
        if loss is not None and loss < best:
            self.best = point
            if self._spec.keep_best:
                self.best_weights = trainable_weights(model)
        if loss is not None and loss < self._reference - self._spec.min_delta:
            self._reference, self._waited = loss, 0
        else:
            self._waited += 1
        return self._spec.patience is not None and self._waited >= self._spec.patience

    def restore(self, model: torch.nn.Module) -> int | None:
        """Puts the best weights back into `model`; the step they are of, `None` if the last ones stay."""
        if not self.best_weights or self.best is None:
            return None
        load_weights(model, self.best_weights)
        return self.best.step

    def state(self) -> dict[str, object]:
        """JSON value from which `resume` goes on, beside `best_weights`."""
        best = None if self.best is None else self.best.model_dump()
        reference = self._reference if math.isfinite(self._reference) else None
        points = [point.model_dump() for point in self.points]
        return {"points": points, "best": best, "waited": self._waited, "reference": reference}

    def resume(self, state: Mapping[str, Any], best_weights: Mapping[str, torch.Tensor]) -> None:
        """Takes over from the training that was interrupted."""
        self.points = tuple(ValidationPoint.model_validate(point) for point in state["points"])
        self.best = None if state["best"] is None else ValidationPoint.model_validate(state["best"])
        self._waited = int(state["waited"])
        self._reference = math.inf if state["reference"] is None else float(state["reference"])
        self.best_weights = dict(best_weights)
