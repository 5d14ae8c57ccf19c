"""Two sides stepped in turn on the same batches: blocks of fresh processes, the order balanced within each.

The steps of a block follow the pattern A B B A: a drift of the machine that is linear over four steps falls on both
sides alike. Which side is A alternates with the blocks. Each block has a seed of its own, the same for both sides.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bench.perf.interleaved import log_ratio

ClockName = Literal["cpu", "wall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One optimiser step, or one batch of an eval."""

    cpu: float | None
    """Seconds of processor time; `None` where a command does not report them."""
    wall: float
    """Seconds on the clock."""
    tokens: int
    """Non-padding."""
    loss: float | None = None
    """Nats per supervised token of the step's batch; `None` where the side reports none."""
    gradient_norm: float | None = None
    memory: int | None = None
    """Peak bytes of the worker, or allocated on its device, so far."""
    counts: Mapping[str, int | None] = field(default_factory=dict)
    """What else it was counted as, where the request asked for `counts` (see `bench.gate.speed.counting`)."""


class SteppedSide(Protocol):
    """What is stepped: workers of a version of the program, or of a user's own command."""

    def tell_begin(self, core: int | None, replicate: int) -> None:
        """Start a fresh worker; `begun` waits for it, so that two sides can load side by side."""

    def begun(self) -> float | None:
        """Wait until the worker has trained its first step. Returns its gradient norm, where it is known."""

    def step(self) -> Stepped:
        """One optimiser step."""

    def end(self) -> None:
        """End the worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    blocks: int = 6
    """Fresh pairs of processes, each with its own seed."""
    warmup: int = 3
    """Steps of each worker that are not looked at."""
    pairs: int = 24
    """Per block, at most; an even number, as the order is balanced over two pairs."""
    fewest_pairs: int = 6
    """Per block, however long they take."""
    seconds: float = 60.0
    """Seconds of stepping, divided among the blocks: a block whose share is spent ends with the pairs that it has."""
    seconds_to_answer: float = 600.0
    """How long a side may take for anything, loading its libraries included."""

    @property
    def steps(self) -> int:
        """Steps that each worker needs: the first, which no one asks for, those to warm up, those that count."""
        return 1 + self.warmup + self.pairs + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides, loaded and ready to step."""

    title: str
    """The suite's name, or the command."""
    effort: Effort
    names: tuple[str, str]
    """Names of our version and of theirs."""
    ours: SteppedSide
    theirs: SteppedSide
    descriptions: tuple[dict[str, Any], dict[str, Any]]
    """What each reported of itself."""

    @property
    def cores(self) -> list[int | None]:
        """To pin the workers to in turn; on a GPU, or where the system cannot, to none."""
        if hasattr(os, "sched_setaffinity") and all(answer["device"] == "cpu" for answer in self.descriptions):
            return [*sorted(os.sched_getaffinity(0))]
        return [None]

    @property
    def replicates(self) -> bool:
        """Whether both sides can train with another seed in each block."""
        return all(answer.get("replicates", False) for answer in self.descriptions)


@dataclass(slots=True)
class SteppedBlock:
    """The steps of one fresh pair of processes, after their warm-up; those of one place are on the same batch."""

    ours: list[Stepped] = field(default_factory=list)
    theirs: list[Stepped] = field(default_factory=list)
    first_gradients: tuple[float | None, float | None] = (None, None)
    """Gradient norm of the first step, ours and theirs."""

    def log_ratios(self, clock: ClockName) -> list[float]:
        """Seconds per token, ours over theirs, pair by pair; empty where a side has no such clock."""
        pairs = [(a, b, getattr(a, clock), getattr(b, clock)) for a, b in zip(self.ours, self.theirs, strict=True)]
        if any(mine is None or other is None for _, _, mine, other in pairs):
            return []
        return [log_ratio(mine / a.tokens, other / b.tokens) for a, b, mine, other in pairs]


def step_in_turn(pair: Pair, tell: Callable[[str], None]) -> list[SteppedBlock]:
    """All blocks. Raises `InputError` if either side fails."""
    blocks = []
    for number in range(pair.effort.blocks):
        tell(f"pair of processes {number + 1} of {pair.effort.blocks}")
        blocks.append(_block(pair, number))
    return blocks


def _block(pair: Pair, number: int) -> SteppedBlock:
    """One fresh pair of workers, from fork to end."""
    sides, effort, block = (pair.ours, pair.theirs), pair.effort, SteppedBlock()
    for side in sides:
        side.tell_begin(pair.cores[number % len(pair.cores)], number if pair.replicates else 0)
    block.first_gradients = (sides[0].begun(), sides[1].begun())
    for side in sides:
        for _ in range(effort.warmup):
            side.step()
    for ours_first in _orders(effort, ours_first=number % 2 == 0):
        if ours_first:
            block.ours.append(pair.ours.step())
            block.theirs.append(pair.theirs.step())
        else:
            block.theirs.append(pair.theirs.step())
            block.ours.append(pair.ours.step())
    for side in sides:
        side.end()
    return block


def _orders(effort: Effort, *, ours_first: bool) -> Iterator[bool]:
    """Whether our side goes first, pair by pair, until the block's pairs or its seconds are spent: A B, then B A."""
    end = time.monotonic() + effort.seconds / effort.blocks
    for number in range(0, max(2, effort.pairs - effort.pairs % 2), 2):
        if number >= effort.fewest_pairs and time.monotonic() > end:
            return
        yield ours_first
        yield not ours_first
