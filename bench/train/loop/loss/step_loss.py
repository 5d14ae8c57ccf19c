"""The loss that a step minimises.

Contract: a step's loss is the mean over *all* supervised tokens of the step, or over its forward passes' means, however
many forward passes and processes it takes, so that accumulation changes nothing but memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from bench.record.results.training.result import Head
from bench.train.batches.collate import BatchCounts
from bench.train.loop.loss.lm_head import forward
from bench.train.loop.loss.router import RouterLoss
from bench.train.processes.ranks import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoss:
    """Loss of a forward pass as its part of the step's."""

    average: Literal["tokens", "batches"]
    dynamic: bool
    """Dynamic Fine-Tuning: each token's loss is weighted by its probability."""
    router: RouterLoss | None
    ranks: Ranks

    def divisor(self, passes: Iterable[BatchCounts]) -> int:
        """Supervised tokens, or batches where their means are averaged, of one step over all ranks; at least 1."""
        by_batch = self.average == "batches"
        divisor = sum((counts.slots > 0) if by_batch else counts.supervised_tokens for counts in passes)
        return max(1, int(self.ranks.all_reduce_sum(divisor)))

    def of(
        self, model: Any, inputs: dict[str, Any], head: Head, *, step_divisor: int, accumulation: int
    ) -> tuple[torch.Tensor, float]:
        """What is minimised of one forward pass, and its part of the step's negative log-likelihood.

        Minimised is a multiple of that part: of the number of processes, over which gradients are averaged.
        accumulation: forward passes of the step in this process."""
        counts: BatchCounts = inputs["counts"]
        more = {} if self.router is None else self.router.inputs(inputs)
        log_probabilities, outputs = forward(model, inputs, head, **more)
        losses, idle = -log_probabilities, counts.slots == 0
        divisor = step_divisor * (counts.supervised_tokens if self.average == "batches" else 1)
        likelihood = losses.sum() / max(1, divisor)
        minimised = likelihood
        if self.dynamic:
            minimised = (losses * (-losses).exp().detach()).sum() / max(1, divisor)
        minimised = minimised * self.ranks.size
        if self.router is not None:  # a mean over the passes of a step, and over ranks
            minimised = minimised + self.router.of(outputs, inputs) / accumulation
        return minimised * (0.0 if idle else 1.0), 0.0 if idle else float(likelihood.detach())
