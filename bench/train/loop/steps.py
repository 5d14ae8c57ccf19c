"""The account of each optimiser step: phases on the meter, the loss of each forward pass, the report of the step.

Contract: a reported loss is the mean negative log-likelihood of the whole step over all processes, per supervised token
or as the mean of its forward passes' means (`loss_average`), whatever is minimised.
"""

import math
from collections.abc import Callable

from bench.record.results.training.ledger import Step
from bench.train.accounting.meter import Meter, Phase
from bench.train.batches.collate import BatchCounts
from bench.train.processes.ranks import Ranks


class DivergedError(Exception):
    """The loss was not finite; the step is on the meter with no loss."""


class StepAccount:
    """Puts every step of one process's training on `meter` and reports it to `on_step`."""

    def __init__(self, meter: Meter, on_step: Callable[[Step], None], ranks: Ranks) -> None:
        self.meter, self.on_step, self._ranks = meter, on_step, ranks
        self.loss = 0.0
        """Part of the forward pass in progress in the step's mean."""

    def enter(self, phase: Phase) -> None:
        """Begin `phase`."""
        self.meter.enter(phase)

    def end_forward(self, counts: BatchCounts, learning_rate: Callable[[], float]) -> None:
        """One forward and backward pass is over. Raises `DivergedError` if its loss is not finite on any rank."""
        self.meter.forward(counts, self.loss)
        if not math.isfinite(self._ranks.all_reduce_sum(self.loss)):
            self.on_step(self.meter.end_step(gradient_norm=None, learning_rate=learning_rate()))
            raise DivergedError
        self.meter.enter("other")

    def end_step(self, gradient_norm: float, learning_rate: float) -> Step:
        """The optimiser has moved the weights."""
        step = self.meter.end_step(gradient_norm=gradient_norm, learning_rate=learning_rate)
        self.on_step(step)
        return step
