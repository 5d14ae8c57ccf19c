"""What a trainer is given beside its model and arguments: batches, rates, and when the training ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim.lr_scheduler import LRScheduler

from bench.train.batches.collate import RowSeparation
from bench.train.batches.encoded_row import Batch
from bench.train.batches.schedule import Schedule
from bench.train.loop.kept_step.validation import Validator, Watch
from bench.train.loop.loss.router import RouterLoss
from bench.train.processes.ranks import SINGLE_PROCESS, Ranks

MakeScheduler = Callable[[torch.optim.Optimizer], LRScheduler]
"""The learning rates of a training on its optimiser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerPlan:
    """Batches, rates and end of a training."""

    schedule: Schedule
    separation: RowSeparation | None
    """How rows that share a packed sequence are kept apart; `None`: rows are not packed."""
    make_scheduler: MakeScheduler
    router: RouterLoss | None = None
    seconds: float | None = None
    """Seconds of work after which the training ends."""
    watch: Watch | None = None
    """Follows the loss on the `validation` batches."""
    validation: Sequence[Batch] = ()
    loss_average: Literal["tokens", "batches"] = "tokens"
    weight_decay_on: Literal["matrices", "all"] = "matrices"
    ranks: Ranks = SINGLE_PROCESS
    """Processes among which batches are dealt in turn."""

    @property
    def dealt_batches(self) -> int:
        """Batches with the idle ones that give each rank as many: they are dealt one by one in turn."""
        return -(-len(self.schedule.batches) // self.ranks.size) * self.ranks.size

    def validator(self, pad_token_id: int) -> Validator | None:
        """What measures the validation loss; `None` where none is watched."""
        if self.watch is None:
            return None
        return Validator(
            watch=self.watch,
            batches=self.validation,
            pad_token_id=pad_token_id,
            ranks=self.ranks,
            loss_average=self.loss_average,
        )
