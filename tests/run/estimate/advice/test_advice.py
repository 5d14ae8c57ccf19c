"""Advice of a plan: each line rests on a count or a measurement, and is silent where the suite does it already."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.results.training.facts import LargestPass, PlannedCounts, PrecisionTrial
from bench.run.checks.counts import exact_counts
from bench.run.estimate.advice import advice
from bench.run.estimate.advice.advice import speed_advice
from bench.run.estimate.forecast import forecast
from bench.run.estimate.forecast_types import ArmForecast
from bench.run.plan.plan import plan
from bench.run.process.server import Child, ChildServer
from bench.run.process.work import ChildRequest
from bench.run.resolve.suite import resolve
from tests.fakes.suites import SERVER, fake_suite

COUNTS = PlannedCounts(
    rows=40, steps=10, tokens=1_000, supervised_tokens=500, slots=2_000, truncated_rows=0, dropped_rows=0,
    parameters=1_000, trainable_parameters=1_000, first_step=LargestPass(rows=4, width=60, supervised_tokens=50),
    later_steps=None,
)  # fmt: skip
GROUPED = COUNTS.model_copy(update={"slots": 1_100})
TRIAL = PrecisionTrial(
    fp32_seconds=0.3, bf16_seconds=0.2, loss_difference=0.001, threads=2, one_thread_seconds=0.2
)  # two threads are 1.33 times as fast as one


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "exact_counts", lambda jobs, **_: dict.fromkeys(jobs, GROUPED))
    monkeypatch.setattr(advice, "measured_trial", lambda *_, **__: TRIAL)
    monkeypatch.setattr(advice, "cores", lambda: 2)
    monkeypatch.setattr(advice, "device", lambda: "cpu")


def told(root: Path, counts: PlannedCounts = COUNTS, *, measure: bool = True, **recipe: Any) -> list[str]:
    """Keys that are advised for one arm with two seeds and one worker."""
    changes = {
        "recipe": {"full": {"method": "full", "learning_rate": 1e-3, **recipe}},
        "arms": {"data": ("few",), "recipe": ("full",)},
        "run": {"workers": 1},
    }
    planned = plan(resolve(fake_suite(root, **changes), home=root / "home"), home=root / "home")
    trainings = {job.job.arm: job.job for job in planned.jobs if job.job.kind == "train"}
    arm = ArmForecast(
        arm="few/full", seeds=2, cached=0, seconds=1.0, seconds_from="rough", memory_bytes=1, memory_from="shapes",
        **counts.exact,
    )  # fmt: skip
    server, arms = ChildServer(), (arm,)
    lines = speed_advice(
        planned, trainings, {"few/full": counts}, arms, home=root / "home", server=server, measure=measure
    )
    return [line.partition(":")[0] for line in lines]


def test_padding_is_counted_once_more_with_rows_of_similar_length(tmp_path: Path) -> None:
    assert told(tmp_path, measure=False) == ["recipe.full.group_by_length = true"]
    assert told(tmp_path, measure=False, group_by_length=True) == []
    dense = GROUPED.model_copy(update={"first_step": LargestPass(rows=4, width=30, supervised_tokens=50)})
    assert told(tmp_path, dense, measure=False) == []


def test_one_large_pass_among_small_ones_is_named(tmp_path: Path) -> None:
    uneven = COUNTS.model_copy(update={"first_step": LargestPass(rows=4, width=125, supervised_tokens=50)})
    assert told(tmp_path, uneven, measure=False, group_by_length=True) == ["recipe.full.batch_tokens = 200"]
    assert told(tmp_path, uneven, measure=False, group_by_length=True, batch_tokens=200) == []


def test_bf16_and_workers_are_advised_where_they_were_measured_to_be_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped = {"group_by_length": True}
    assert told(tmp_path, precision="fp32", **grouped) == ['recipe.full.precision = "bf16"', "run.workers = 2"]
    assert told(tmp_path, **grouped) == ["run.workers = 2"], "auto measures by itself"
    assert told(tmp_path, measure=False, precision="fp32", **grouped) == []
    alike = TRIAL.model_copy(update={"bf16_seconds": 0.28, "one_thread_seconds": 0.29})
    monkeypatch.setattr(advice, "measured_trial", lambda *_, **__: alike)
    assert told(tmp_path, precision="fp32", **grouped) == []


def test_a_plan_says_it(tmp_path: Path) -> None:
    server = SERVER
    expected = forecast(fake_suite(tmp_path), home=tmp_path / "home", server=server, probe=False)
    assert expected.advice, "the fake's trainings have twice as many slots as tokens"


def test_what_is_advised_is_counted_while_memory_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not again; never beside what is timed."""
    monkeypatch.setattr(advice, "exact_counts", exact_counts)
    fork, forked = ChildServer.fork, list[str]()

    def noted(server: ChildServer, request: ChildRequest) -> Child:
        forked.append(request.kind)
        return fork(server, request)

    monkeypatch.setattr(ChildServer, "fork", noted)
    for home, probe in (("quick", False), ("timed", True)):
        forked.clear()
        expected = forecast(fake_suite(tmp_path), home=tmp_path / home, server=SERVER, probe=probe)
        assert expected.advice
        at = max(place for place, kind in enumerate(forked) if kind == "count")
        assert forked.count("count") == 2
        assert (at < forked.index("memory")) is not probe
    assert SERVER.begun == []
