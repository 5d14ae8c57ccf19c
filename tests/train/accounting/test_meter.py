"""The ledger's formulas, each pinned on a clock that the test moves."""

import math

import pytest

from bench.train.accounting.meter import Meter
from bench.train.batches.collate import BatchCounts


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def counts(tokens: int = 90, supervised: int = 30, slots: int = 100, rows: int = 4) -> BatchCounts:
    """A forward pass."""
    return BatchCounts(rows=rows, tokens=tokens, supervised_tokens=supervised, slots=slots)


def spend(meter: Meter, clock: Clock, phase: str, seconds: float) -> None:
    """Stays in `phase` for so long."""
    meter.enter(phase)
    clock.now += seconds


def a_step(
    meter: Meter, clock: Clock, *forwards: BatchCounts, work: tuple[float, float, float] = (0.1, 1.0, 0.2)
) -> None:
    """Data, each forward pass, optimiser."""
    data, compute, optimizer = work
    spend(meter, clock, "data", data)
    for forward in forwards or (counts(),):
        spend(meter, clock, "compute", compute)
        meter.forward(forward, 0.5)
    spend(meter, clock, "optimizer", optimizer)
    meter.end_step(gradient_norm=1.5, learning_rate=1e-3)


def test_the_phases_add_up_to_the_wall_time() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    clock.now += 2.0
    a_step(meter, clock)
    clock.now += 0.5  # nobody's
    spend(meter, clock, "saving", 0.7)
    seconds = meter.seconds()
    assert seconds.wall == pytest.approx(2.0 + 1.3 + 0.5 + 0.7)
    parts = seconds.model_dump(exclude={"wall"})
    assert parts == pytest.approx(
        {"start_up": 2.0, "data": 0.1, "compute": 1.0, "optimizer": 0.2, "evaluation": 0.0, "saving": 0.7, "other": 0.5}
    )
    assert sum(parts.values()) == pytest.approx(seconds.wall)


def test_what_went_before_the_meter_was_made_is_start_up() -> None:
    clock = Clock()
    since = clock()
    clock.now += 3.0  # a trial that turns a budget in seconds into steps
    meter = Meter(clock=clock, since=since)
    clock.now += 2.0
    a_step(meter, clock)
    seconds = meter.seconds()
    assert (seconds.start_up, seconds.wall) == pytest.approx((5.0, 6.3))


def test_accumulation_counts_every_forward_pass_once() -> None:
    """Throughput must not be multiplied by the accumulation, nor the loss averaged over passes of unequal size."""
    clock = Clock()
    meter = Meter(clock=clock)
    a_step(meter, clock, counts(tokens=90, rows=4), counts(tokens=40, supervised=10, slots=50, rows=2))
    (step,) = meter.steps
    assert (step.tokens, step.supervised_tokens, step.slots, step.rows) == (130, 40, 150, 6)
    assert step.loss == pytest.approx(1.0)
    assert step.seconds == pytest.approx(2.2)


def test_throughput_is_tokens_without_padding_over_data_compute_and_optimizer() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(2):
        a_step(meter, clock, work=(5.0, 50.0, 5.0))  # warm-up
    for _ in range(3):
        a_step(meter, clock)
        clock.now += 9.0  # not the trainer's work
    steady = meter.steady()
    assert steady.left_out == 2
    assert steady.tokens_per_second == pytest.approx(3 * 90 / (3 * 1.3))


def test_the_live_speed_is_over_all_steps_and_none_before_the_first() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    assert meter.running_tokens_per_second is None
    a_step(meter, clock, work=(0.5, 1.0, 0.5))
    a_step(meter, clock, work=(0.25, 0.5, 0.25))
    clock.now += 9.0  # not the trainer's work
    assert meter.running_tokens_per_second == pytest.approx(2 * 90 / 3)


def test_the_last_short_batch_counts_as_what_it_is() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(4):
        a_step(meter, clock)
    a_step(meter, clock, counts(tokens=20, supervised=5, slots=20, rows=1), work=(0.1, 0.3, 0.2))
    assert meter.steady().tokens_per_second == pytest.approx((90 + 90 + 20) / (1.3 + 1.3 + 0.6))


def test_packed_rows_count_their_tokens_and_the_slots_of_their_sequence() -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    a_step(meter, clock, counts(tokens=250, slots=256, rows=7))
    assert (meter.steps[0].tokens, meter.steps[0].slots, meter.steps[0].rows) == (250, 256, 7)


def test_trainings_side_by_side_in_several_processes_each_have_an_account_of_their_own() -> None:
    """Two processes share one wall clock: each counts its own tokens, and each its own waiting for the other. Their
    speeds are not added up; the report calls such a speed shared."""
    clock = Clock()
    meters = [Meter(clock=clock), Meter(clock=clock)]
    for _ in range(6):
        for meter in meters:
            meter.enter("compute")
        clock.now += 1.0
        for number, meter in enumerate(meters):
            meter.forward(counts(tokens=60 if number else 90), 0.5)
            meter.end_step(gradient_norm=1.0, learning_rate=1e-3)
    assert [meter.tokens for meter in meters] == [540, 360]
    assert [meter.steady().tokens_per_second for meter in meters] == pytest.approx([90, 60])
    assert [meter.seconds().wall for meter in meters] == pytest.approx([6.0, 6.0])


@pytest.mark.parametrize(("steps", "left_out"), [(1, 1), (3, 2), (20, 2), (55, 6), (500, 10)])
def test_warm_up_is_a_tenth_of_the_steps_within_bounds(steps: int, left_out: int) -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(steps):
        a_step(meter, clock)
    assert meter.steady().left_out == left_out


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_too_few_steady_steps_give_no_speed(steps: int) -> None:
    clock = Clock()
    meter = Meter(clock=clock)
    for _ in range(steps):
        a_step(meter, clock)
    assert meter.steady().tokens_per_second is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_missing(value: float) -> None:
    meter = Meter(clock=Clock())
    meter.forward(counts(), value)
    step = meter.end_step(gradient_norm=value, learning_rate=1e-3)
    assert (step.loss, step.gradient_norm) == (None, None)


def test_the_device_is_waited_for_before_the_clock_is_read() -> None:
    """Kernels run behind the program's back; time without waiting would be credited to the next phase."""
    clock = Clock()

    def synchronize() -> None:
        clock.now += 1.0

    meter = Meter(clock=clock, synchronize=synchronize)
    meter.enter("compute")
    meter.enter("optimizer")
    assert meter.seconds().compute == pytest.approx(1.0)


def test_a_resumed_training_goes_on_counting() -> None:
    clock = Clock()
    first = Meter(clock=clock)
    for _ in range(3):
        a_step(first, clock)
    state = first.state()
    second = Meter(clock=clock)
    clock.now += 2.0
    second.resume(state)
    for _ in range(2):
        a_step(second, clock)
    assert [step.step for step in second.steps] == [1, 2, 3, 4, 5]
    assert second.tokens == 5 * 90
    seconds = second.seconds()
    assert seconds.compute == pytest.approx(5.0)
    assert seconds.wall == pytest.approx(5 * 1.3 + 2.0)


def test_the_speed_by_processor_time_leaves_out_what_others_took() -> None:
    """Steps of 1.3 s, in which the processor worked 1 s for this process; what it did between steps is no step's."""
    clock, processor = Clock(), Clock()
    meter = Meter(clock=clock, processor=processor)
    for _ in range(4):
        processor.now += 5.0
        meter.enter("data")
        processor.now += 1.0
        a_step(meter, clock)
    steady = meter.steady()
    assert steady.tokens_per_second == pytest.approx(90 / 1.3)
    assert steady.processor_tokens_per_second == pytest.approx(90 / 1.0)
    resumed = Meter(clock=clock, processor=processor)
    resumed.resume(meter.state())
    assert resumed.steady() == steady
