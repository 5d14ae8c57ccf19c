"""This process among those of one training, and the numbers that they exchange over torch's process group.

Contract: every rank calls the same collectives in the same order, and gets the same answers; what is decided from
them alone is decided alike everywhere. A training of one process exchanges nothing.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bench.suite.tables.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """One of `size` processes."""

    index: int = 0
    size: int = 1
    device: str = "cpu"
    """Device on which numbers have to be to be sent."""

    @property
    def is_main_process(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.index == 0

    def gather(self, values: Sequence[float]) -> list[list[float]]:
        """Values of every rank, in order; all give equally many."""
        if self.size == 1:
            return [list(values)]
        return [row.tolist() for row in self.gather_tensor(torch.tensor(list(values), dtype=torch.float64))]

    def gather_tensor(self, values: torch.Tensor) -> list[torch.Tensor]:
        """Tensors of every rank, on the processor; they have one shape and type everywhere."""
        if self.size == 1:
            return [values]
        local = values.to(self.device)
        gathered = [torch.empty_like(local) for _ in range(self.size)]
        torch.distributed.all_gather(gathered, local)
        return [value.cpu() for value in gathered]

    def all_reduce_sum(self, value: float) -> float:
        """Sum over all ranks; not finite if any is not."""
        return sum(value for (value,) in self.gather([value]))

    def barrier(self) -> None:
        """Waits for all ranks. The group is never taken down: processes that end do not wait for its threads."""
        if self.size > 1:
            torch.distributed.barrier()


SINGLE_PROCESS = Ranks()


def current_ranks(recipe: Recipe, device: torch.device) -> Ranks:
    """This process, as `bench.launch` started it."""
    if recipe.processes == 1:
        return SINGLE_PROCESS
    size, index = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("RANK", "0")))
    if size != recipe.processes:
        raise RuntimeError(f"a training of {recipe.processes} processes was started in {size}")
    return Ranks(index=index, size=size, device=str(device))
