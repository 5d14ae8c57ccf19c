"""Which arm trained fastest, by how much, and whether that is more than noise."""

from __future__ import annotations

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
        assert training.result is not None
        measured: dict[str, object] = {}
        if training.arm in speeds:
            measured = {"tokens_per_second": speeds[training.arm][training.seed]}
        ledger = training.result.ledger.model_copy(update=measured)
        result = training.result.model_copy(update={"ledger": ledger})
        job = training.job.model_copy(update={"alone": alone and training.arm in speeds})
        trainings.append(training.model_copy(update={"result": result, "job": job}))
    return FakeRun(path=run.path, record=run.record.model_copy(update={"trainings": tuple(trainings)}), rows=run.rows)


def test_arms_stand_fastest_first_with_their_ratio_to_the_control() -> None:
    found = paces(timed(SPEEDS).record)
    assert [one.arm for one in found] == [FULL, LORA, CONTROL]
    fastest = found[0].speed
    assert fastest is not None
    assert fastest.ratio == pytest.approx(2.0, rel=0.01)
    assert fastest.low is not None
    assert fastest.low > 1.9
    assert (found[2].control, found[2].speed, found[2].lead) == (None, None, None)


def test_the_headline_names_a_leader_only_where_the_interval_allows_it() -> None:
    assert "It is faster than the next" in headline(paces(timed(SPEEDS).record))
    noisy = {**SPEEDS, LORA: (1500.0, 2500.0, 1900.0)}
    assert "Not resolved from the next" in headline(paces(timed(noisy).record))


def test_speeds_beside_other_jobs_are_not_compared() -> None:
    run = timed(SPEEDS, alone=False)
    assert paces(run.record) == ()
    assert "<b>Speed</b>" not in render(compose(compare(run, replicates=100)))


def test_the_report_says_which_is_fastest_and_how_sure_that_is() -> None:
    text = render(compose(compare(timed(SPEEDS), replicates=100)))
    assert f"Fastest: {FULL}, ×2.00 [" in text
    assert "Speed / control" in text
