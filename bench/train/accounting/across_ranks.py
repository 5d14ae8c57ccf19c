"""One account from the counts of all processes of a training. Pure functions.

Contract, over ranks: rows, tokens, supervised tokens, slots and the loss (each rank's share is already divided by the
whole step's supervised tokens) are summed; a step lasts as long as it does for the slowest rank; memory of processes
is summed, pages that they share counted in each, and that of devices is the largest of any; energy is summed where
each rank's device has a counter of its own, and is the leader's where the counter is the machine's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from bench.record.results.training.ledger import Energy, PhaseMemory
from bench.train.processes.ranks import Ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's part of an optimiser step."""

    rows: int
    tokens: int
    supervised_tokens: int
    slots: int
    loss: float
    """Summed negative log-likelihoods / supervised tokens of the whole step."""
    seconds: float
    """Seconds of compute and optimiser."""
    work_seconds: float
    """Seconds of compute, optimiser and waiting for data."""
    processor_seconds: float = 0.0
    """Processor time in all of them."""


def merged(shares: Sequence[Share]) -> Share:
    """The step."""
    return Share(
        rows=sum(share.rows for share in shares),
        tokens=sum(share.tokens for share in shares),
        supervised_tokens=sum(share.supervised_tokens for share in shares),
        slots=sum(share.slots for share in shares),
        loss=sum(share.loss for share in shares),
        seconds=max(share.seconds for share in shares),
        work_seconds=max(share.work_seconds for share in shares),
        processor_seconds=sum(share.processor_seconds for share in shares),
    )


def exchanged(ranks: Ranks, share: Share) -> list[Share]:
    """Share of every rank."""
    if ranks.size == 1:
        return [share]
    return [
        Share(
            rows=int(rows), tokens=int(tokens), supervised_tokens=int(supervised), slots=int(slots),
            loss=loss, seconds=seconds, work_seconds=work, processor_seconds=processor,
        )
        for rows, tokens, supervised, slots, loss, seconds, work, processor in ranks.gather(astuple(share))
    ]  # fmt: skip


def merged_memory(phases: Sequence[Sequence[PhaseMemory]]) -> tuple[PhaseMemory, ...]:
    """Memory by phase over all ranks, whose phases have one order; `None` where any rank does not know."""
    return tuple(
        PhaseMemory(
            phase=same[0].phase,
            process_bytes=_of_all(sum, [memory.process_bytes for memory in same]),
            device_bytes=_of_all(max, [memory.device_bytes for memory in same]),
        )
        for same in zip(*phases, strict=True)
    )


def merged_energy(energies: Sequence[Energy | None]) -> Energy | None:
    """`None` where any that is needed is not known."""
    first = energies[0]
    if first is None or first.counter == "rapl":
        return first
    joules = [energy.joules for energy in energies if energy is not None]
    return Energy(joules=sum(joules), counter=first.counter) if len(joules) == len(energies) else None


def exchanged_memory(ranks: Ranks, phases: Sequence[PhaseMemory]) -> tuple[PhaseMemory, ...]:
    """All ranks' phases as one account."""
    numbers = [_number(value) for memory in phases for value in (memory.process_bytes, memory.device_bytes)]
    rows = [[_value(number) for number in row] for row in ranks.gather(numbers)]
    return merged_memory(
        [
            [
                PhaseMemory(phase=memory.phase, process_bytes=row[2 * place], device_bytes=row[2 * place + 1])
                for place, memory in enumerate(phases)
            ]
            for row in rows
        ]
    )


def exchanged_energy(ranks: Ranks, energy: Energy | None) -> Energy | None:
    """All ranks' energy as one account."""
    rows = ranks.gather([math.nan if energy is None else energy.joules])
    counter = "rapl" if energy is None else energy.counter  # one machine, one kind of counter
    return merged_energy([None if math.isnan(joules) else Energy(joules=joules, counter=counter) for (joules,) in rows])


def _of_all(of: Callable[[list[int]], int], values: Sequence[int | None]) -> int | None:
    present = [value for value in values if value is not None]
    return of(present) if len(present) == len(values) else None


def _number(value: int | None) -> float:
    return math.nan if value is None else float(value)


def _value(number: float) -> int | None:
    return None if math.isnan(number) else int(number)
