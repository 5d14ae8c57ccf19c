"""Which arm trained fastest, by how much, and whether that is more than noise."""

import pytest

from bench.report.analysis.training.costs.speed import paces
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.sections.training.pace import headline
from tests.fakes.records import FakeRun, make_run

FULL, LORA, CONTROL = "lima_1k/full", "lima_1k/lora", "random_1k/full"
SPEEDS = {FULL: (2000.0, 2040.0, 1960.0), LORA: (1200.0, 1180.0, 1220.0), CONTROL: (1000.0, 1010.0, 990.0)}


def timed(speeds: dict[str, tuple[float, ...]], *, alone: bool = True) -> FakeRun:
    """The named arms ran alone at these speeds; all others beside other jobs."""
    run = make_run(examples=20)
    trainings = []
    for training in run.record.trainings:
        measured: dict[str, object] = {}
        if training.arm in speeds:
            measured = {"tokens_per_second": speeds[training.arm][training.seed]}
        ledger = training.result.ledger.model_copy(update=measured)
        result = training.result.model_copy(update={"ledger": ledger})
        job = training.job.model_copy(update={"alone": alone and training.arm in speeds})
        trainings.append(training.model_copy(update={"result": result, "job": job}))
    return run.changed(trainings=tuple(trainings))


def test_arms_stand_fastest_first_with_their_ratio_to_the_control() -> None:
    found = paces(timed(SPEEDS).record)
    assert [one.arm for one in found] == [FULL, LORA, CONTROL]
    fastest = found[0].speed
    assert fastest.ratio == pytest.approx(2.0, rel=0.01)
    assert fastest.low is not None
    assert fastest.low > 1.9
    assert (found[2].control, found[2].speed, found[2].lead) == (None, None, None)


def test_the_headline_names_a_leader_only_where_the_interval_allows_it() -> None:
    """`Fastest: x`, and only then that this was not resolved."""
    assert headline(paces(timed(SPEEDS).record)).startswith(f"{FULL} is faster than the next, {LORA}: ×1.67 [")
    noisy = {**SPEEDS, LORA: (1500.0, 2500.0, 1900.0)}
    unclear = headline(paces(timed(noisy).record))
    assert unclear.startswith(f"No arm is shown to be the fastest. {FULL} looks faster than the next, {LORA}: ×1.")
    assert "; ×2.00 [" in unclear
    assert unclear.endswith(f"the speed of its control, {CONTROL}.")
    alike = headline(paces(timed({FULL: (2000.0,) * 3, LORA: (1000.0,) * 3}).record))
    assert alike == (
        f"No arm is shown to be the fastest. {FULL} against the next, {LORA}: ×2.00, and the replicates do not vary."
    )


def test_speeds_beside_other_jobs_are_not_compared() -> None:
    run = timed(SPEEDS, alone=False)
    assert paces(run.record) == ()
    assert "<b>Speed</b>" not in render(compose(compare(run, replicates=100)))


def test_the_report_says_which_is_fastest_and_how_sure_that_is() -> None:
    text = render(compose(compare(timed(SPEEDS), replicates=100)))
    assert f"{FULL} is faster than the next, {LORA}: ×1.67 [" in text
    assert "Speed / control" in text
