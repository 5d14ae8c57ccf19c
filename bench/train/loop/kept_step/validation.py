"""Validation while training: when it is due, the loss, the best weights, when to stop.

Contract: a validation loss is the mean negative log-likelihood of the held-out rows, per supervised token or as the
mean of the batches' means, under the same mask and average as training, and the same number on all ranks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from bench.record.results.training.result import ValidationPoint
from bench.suite.tables.training.validation import Validation
from bench.train.batches.collate import collate
from bench.train.batches.encoded_row import Batch
from bench.train.loop.kept_step.best_step import BestStep
from bench.train.loop.loss.lm_head import log_probabilities
from bench.train.processes.ranks import Ranks

_EVALUATIONS = 10
"""Validations of a training whose recipe does not say how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """Scores the held-out rows of one training."""

    watch: "Watch"
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


class Watch(BestStep):
    """Follows the validation losses of one training: when one is due, the best weights, whether to stop."""

    def __init__(self, validation: Validation, *, steps: int) -> None:
        """`steps`: optimiser steps that are planned."""
        super().__init__(keep=validation.keep_best, patience=validation.patience, min_delta=validation.min_delta)
        self._steps = steps
        self._every = validation.every or max(1, math.ceil(steps / _EVALUATIONS))

    @property
    def points(self) -> tuple[ValidationPoint, ...]:
        """Losses in order of steps."""
        return tuple(ValidationPoint(step=step, loss=loss) for step, loss in self.figures)

    def due(self, step: int) -> bool:
        """Whether to evaluate after this step."""
        return step % self._every == 0 or step == self._steps
