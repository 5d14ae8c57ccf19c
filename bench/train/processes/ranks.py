"""This process among those of one training, and what they tell each other: numbers, over torch's process group.

Contract: every rank calls the same collectives in the same order, and gets the same answers; what is decided from
them alone is decided alike everywhere. A training of one process talks to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bench.suite.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """One of `size` processes."""

    index: int = 0
    size: int = 1
    device: str = "cpu"
    """Where its numbers have to lie to be sent."""

    @property
    def is_main_process(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.index == 0

    def gather(self, values: Sequence[float]) -> list[list[float]]:
        """Those of every rank, in order; all give equally many."""
        if self.size == 1:
            return [list(values)]
        return [row.tolist() for row in self.gather_tensor(torch.tensor(list(values), dtype=torch.float64))]

    def gather_tensor(self, values: torch.Tensor) -> list[torch.Tensor]:
        """The same of a tensor, which has one shape and type everywhere; on the processor."""
        if self.size == 1:
            return [values]
        mine = values.to(self.device)
        found = [torch.empty_like(mine) for _ in range(self.size)]
        torch.distributed.all_gather(found, mine)
        return [one.cpu() for one in found]

    def all_reduce_sum(self, value: float) -> float:
        """Over all ranks; not finite if any is not."""
        return sum(one for (one,) in self.gather([value]))

    def barrier(self) -> None:
        """Waits for all ranks. The group is never taken down: processes that end do not wait for its threads."""
        if self.size > 1:
            torch.distributed.barrier()


SINGLE_PROCESS = Ranks()


def current_ranks(recipe: Recipe, device: torch.device) -> Ranks:
    """This process, as `bench.run.process.ranks` started it."""
    if recipe.processes == 1:
        return SINGLE_PROCESS
    size, index = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("RANK", "0")))
    if size != recipe.processes:
        raise RuntimeError(f"a training of {recipe.processes} processes was started in {size}")
    return Ranks(index=index, size=size, device=str(device))
