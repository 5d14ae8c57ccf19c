"""The account of a training in several processes: each formula over ranks, on clocks that the test moves."""

import math
from collections.abc import Sequence
from dataclasses import astuple
from types import SimpleNamespace

import pytest

from bench.record.results.training.ledger import Energy, PhaseMemory
from bench.train.accounting.across_ranks import (
    Share,
    exchanged,
    exchanged_energy,
    exchanged_memory,
    merged,
    merged_energy,
    merged_memory,
)
from bench.train.accounting.meter import Meter
from bench.train.batches.collate import BatchCounts


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def share(**changes: float) -> Share:
    """Of one rank."""
    fields = {"rows": 4, "tokens": 90, "supervised_tokens": 30, "slots": 100, "loss": 0.5, "seconds": 1.0,
              "work_seconds": 1.1, "processor_seconds": 0.9}  # fmt: skip
    return Share(**{**fields, **changes})  # type: ignore[arg-type]  # counts are whole here


IDLE = share(rows=0, tokens=0, supervised_tokens=0, slots=0, loss=0.0, seconds=0.2, work_seconds=0.2,
             processor_seconds=0.0)  # fmt: skip


def test_counts_and_losses_are_summed_and_the_slowest_rank_gives_the_time() -> None:
    """A rank's loss is already its share of the step's, so an average of ranks would be wrong by their number."""
    other = share(rows=2, tokens=40, supervised_tokens=10, slots=50, loss=0.25, seconds=0.9, work_seconds=1.4,
                  processor_seconds=0.4)  # fmt: skip
    assert merged([share(), other]) == share(
        rows=6,
        tokens=130,
        supervised_tokens=40,
        slots=150,
        loss=0.75,
        seconds=1.0,
        work_seconds=1.4,
        processor_seconds=1.3,
    )


def test_a_rank_without_a_batch_adds_nothing() -> None:
    assert merged([share(), IDLE]) == share()


def test_a_loss_that_is_not_finite_on_one_rank_is_so_for_all() -> None:
    assert math.isnan(merged([share(), share(loss=math.nan)]).loss)
    assert merged([share(loss=math.inf), share()]).loss == math.inf


def step_of(meter: Meter, clock: Clock, *, data: float, compute: float, optimizer: float, passes: int = 1) -> None:
    """One rank's part of an optimiser step, then half a second that is nobody's."""
    meter.enter("data")
    clock.now += data
    for _ in range(passes):
        meter.enter("compute")
        clock.now += compute
        meter.forward(BatchCounts(rows=4, tokens=90, supervised_tokens=30, slots=100), 0.25)
    meter.enter("optimizer")
    clock.now += optimizer
    meter.end_step(gradient_norm=1.0, learning_rate=1e-3)
    clock.now += 0.5


def test_a_meter_keeps_the_step_of_all_and_the_phases_of_its_own() -> None:
    """Accumulation on this rank, another rank that is slower and has one batch fewer in the last step."""
    clock, told = Clock(), list[Share]()

    def exchange(mine: Share) -> Sequence[Share]:
        told.append(mine)
        last = len(told) == 4
        slower = share(tokens=0 if last else 60, supervised_tokens=0 if last else 20, rows=0 if last else 3,
                       slots=0 if last else 80, loss=0.0 if last else 0.5, seconds=3.0, work_seconds=3.5)  # fmt: skip
        return [mine, slower]

    meter = Meter(clock=clock, processor=lambda: 0.0, exchange=exchange)
    for _ in range(4):
        step_of(meter, clock, data=0.1, compute=1.0, optimizer=0.2, passes=2)
    assert told[0] == share(rows=8, tokens=180, supervised_tokens=60, slots=200, loss=0.5, seconds=2.2,
                            work_seconds=pytest.approx(2.3), processor_seconds=0.0)  # fmt: skip
    first, *_, last = meter.steps
    assert len(meter.steps) == 4
    assert (first.rows, first.tokens, first.supervised_tokens, first.slots) == (11, 240, 80, 280)
    assert (last.rows, last.tokens, last.supervised_tokens, last.slots) == (8, 180, 60, 200)
    assert (first.loss, last.loss) == (1.0, 0.5)
    assert [step.seconds for step in meter.steps] == [3.0] * 4
    assert meter.steady().tokens_per_second == pytest.approx((240 + 180) / (2 * 3.5))
    assert meter.tokens == 3 * 240 + 180
    seconds = meter.seconds()
    assert seconds.wall == pytest.approx(4 * (0.1 + 2.0 + 0.2 + 0.5))
    assert sum(seconds.model_dump(exclude={"wall"}).values()) == pytest.approx(seconds.wall)


def peaks(process: int | None, device: int | None) -> list[PhaseMemory]:
    """Of one rank, in two phases."""
    return [
        PhaseMemory(phase="start_up", process_bytes=10, device_bytes=device),
        PhaseMemory(phase="training", process_bytes=process, device_bytes=device),
    ]


def test_memory_of_processes_adds_up_and_devices_are_not_mixed() -> None:
    start_up, training = merged_memory([peaks(100, 7), peaks(120, 9)])
    assert (start_up.phase, start_up.process_bytes, start_up.device_bytes) == ("start_up", 20, 9)
    assert (training.phase, training.process_bytes, training.device_bytes) == ("training", 220, 9)


def test_memory_that_one_rank_does_not_know_is_not_known() -> None:
    (_, training) = merged_memory([peaks(100, None), peaks(None, None)])
    assert (training.process_bytes, training.device_bytes) == (None, None)


class TwoRanks:
    """This rank and another, which sends what the test says."""

    size = 2

    def __init__(self, other: Sequence[float]) -> None:
        self.other = list(other)

    def gather(self, values: Sequence[float]) -> list[list[float]]:
        """Rows of both."""
        return [list(values), self.other]


def test_what_ranks_send_each_other_comes_back_as_it_was() -> None:
    mine, other = share(), share(rows=2, tokens=40, supervised_tokens=10, slots=50, loss=0.25, seconds=0.9)
    assert exchanged(TwoRanks(astuple(other)), mine) == [mine, other]  # type: ignore[arg-type]  # made up
    alone = SimpleNamespace(size=1)
    assert exchanged(alone, mine) == [mine]  # type: ignore[arg-type]  # asks nobody


def test_memory_and_energy_of_all_ranks_are_one_account() -> None:
    """By phase, process before device; what a rank does not know is sent as not a number."""
    ranks = TwoRanks([30.0, 8.0, 120.0, math.nan])
    start_up, training = exchanged_memory(ranks, peaks(100, 7))  # type: ignore[arg-type]  # made up
    assert (start_up.phase, start_up.process_bytes, start_up.device_bytes) == ("start_up", 40, 8)
    assert (training.phase, training.process_bytes, training.device_bytes) == ("training", 220, None)
    nvml = Energy(joules=5.0, counter="nvml")
    assert exchanged_energy(TwoRanks([7.0]), nvml) == Energy(joules=12.0, counter="nvml")  # type: ignore[arg-type]
    assert exchanged_energy(TwoRanks([math.nan]), nvml) is None  # type: ignore[arg-type]
    assert exchanged_energy(TwoRanks([7.0]), None) is None  # type: ignore[arg-type]


def test_energy_of_one_machines_counter_is_not_counted_once_per_rank() -> None:
    nvml, rapl = (
        lambda joules, counter=counter: Energy(joules=joules, counter=counter) for counter in ("nvml", "rapl")
    )
    assert merged_energy([nvml(5.0), nvml(7.0)]) == nvml(12.0)
    assert merged_energy([rapl(5.0), rapl(5.1)]) == rapl(5.0)
    assert merged_energy([nvml(5.0), None]) is None
    assert merged_energy([None, None]) is None
