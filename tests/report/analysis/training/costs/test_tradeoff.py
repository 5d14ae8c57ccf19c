"""Quality against cost: the frontier over measured and counted costs."""

from collections.abc import Mapping
from typing import Any

import pytest

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.costs.tradeoff import Tradeoff
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.export.comparison_json import comparison_json
from bench.report.plots.draw import draw
from bench.report.render.markdown import render
from tests.fakes.records import FakeRun, make_run

FULL, LORA = "lima_1k/full", "lima_1k/lora"


def priced(run: FakeRun, seconds: Mapping[str, tuple[float, ...]], **ledger: Any) -> FakeRun:
    """Each arm's seeds took these seconds, alone on the machine."""
    trainings = []
    for training in run.record.trainings:
        spent = training.result.ledger.seconds.model_copy(
            update={
                "data": 0.0,
                "compute": seconds.get(training.arm, (9.0, 9.5, 10.0))[training.seed],
                "optimizer": 0.0,
            }
        )
        own = training.result.ledger.model_copy(update={"seconds": spent, **ledger})
        result = training.result.model_copy(update={"ledger": own})
        job = training.job.model_copy(update={"alone": True})
        trainings.append(training.model_copy(update={"result": result, "job": job}))
    return run.changed(trainings=tuple(trainings))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    rates, used = {"choice": {FULL: 0.9, LORA: 0.3}}, {"random_1k/full": 1.5}
    run = make_run(examples=400, rates=rates, budget_used=used).only("choice", "cloze", "heldout")
    return compare(priced(run, {FULL: (4.0, 4.1, 4.2), LORA: (8.0, 8.1, 8.2)}), replicates=100)


def of(comparison: Comparison, measurand: str, cost: str) -> Tradeoff:
    return next(t for t in comparison.tradeoffs if (t.measurand.name, t.cost.name) == (measurand, cost))


def test_an_arm_that_is_worse_and_dearer_is_dominated_by_name(comparison: Comparison) -> None:
    placed = of(comparison, "choice", "seconds").standings
    assert placed[FULL].standing == "frontier"
    assert placed[LORA].standing == "dominated"
    assert FULL in placed[LORA].by


def test_the_base_costs_nothing_and_dominates_what_is_worse(comparison: Comparison) -> None:
    """Training that only forgets is not worth its price."""
    placed = of(comparison, "cloze", "seconds").standings
    assert placed["base"].standing == "frontier"
    assert "base" in placed[FULL].by


def test_a_cost_has_the_interval_over_its_seeds(comparison: Comparison) -> None:
    point = next(p for p in of(comparison, "choice", "seconds").points if p.name == FULL)
    assert point.cost.low is not None
    assert point.cost.high is not None
    assert point.cost.value == pytest.approx(4.1)
    half = 4.302652729911275 * (0.01 / 3) ** 0.5  # t quantile of 2 degrees of freedom, times the standard error
    assert (point.cost.low, point.cost.high) == (pytest.approx(4.1 - half), pytest.approx(4.1 + half))


def test_counted_costs_are_exact_and_equal_ones_are_left_out(comparison: Comparison) -> None:
    point = of(comparison, "choice", "tokens").points[1]
    assert point.cost.low == point.cost.value == point.cost.high
    equal = compare(make_run(examples=20), replicates=100)
    assert "tokens" not in {tradeoff.cost.name for tradeoff in equal.tradeoffs}


def test_diagnostics_are_no_quality(comparison: Comparison) -> None:
    assert "heldout" not in {tradeoff.measurand.name for tradeoff in comparison.tradeoffs}


def test_seconds_beside_other_jobs_are_no_cost_of_the_arm() -> None:
    unprobed = compare(make_run(examples=20, shared_speed=True), replicates=100)
    assert "seconds" not in {tradeoff.cost.name for tradeoff in unprobed.tradeoffs}


def test_trainings_side_by_side_stand_at_the_speed_of_their_probe_and_dominate_nothing_by_it() -> None:
    """One figure without an interval: the estimates may say who is beaten, nothing is shown."""
    run = make_run(examples=400, rates={"choice": {FULL: 0.9, LORA: 0.3}}).only("choice")
    comparison = compare(run, replicates=100)
    traded = of(comparison, "choice", "seconds")
    point = next(p for p in traded.points if p.name == FULL)
    speed = next(p.result.tokens_per_second for p in run.record.probes if p.arm == FULL and p.result is not None)
    tokens = [t.result.ledger.tokens for t in run.record.trainings if t.arm == FULL and t.result is not None]
    assert point.cost.value == pytest.approx(sum(tokens) / len(tokens) / speed)  # type: ignore[operator]  # it was probed
    assert point.cost.low is None
    dominated = [one for name, one in traded.standings.items() if one.standing == "dominated" and name != "base"]
    assert all(one.by == ("base",) for one in dominated)
    assert "Seconds of steps at the probe's speed |" in render(compose(comparison))


def test_rounds_of_probes_give_the_seconds_an_interval_that_decides() -> None:
    """Seen: eight steps of one probe called the slower arm the faster one."""
    run = make_run(examples=400, rates={"choice": {FULL: 0.3, LORA: 0.9}}).only("choice")
    rounds = [
        probe.model_copy(update={"result": probe.result.model_copy(update={"tokens_per_second": speed * change})})
        for probe in run.record.probes
        if probe.result is not None
        for speed in (20_000.0 if probe.arm == LORA else 10_000.0,)
        for change in (0.99, 1.0, 1.01)
    ]
    probed = run.changed(probes=tuple(rounds))
    comparison = compare(probed, replicates=100)
    traded = of(comparison, "choice", "seconds")
    point = next(p for p in traded.points if p.name == FULL)
    seconds = [60_000 / 9_900, 60_000 / 10_000, 60_000 / 10_100]
    mean, spread = sum(seconds) / 3, (max(seconds) - min(seconds)) / 2
    assert point.cost.value == pytest.approx(mean, rel=1e-3)
    assert point.cost.high is not None
    assert point.cost.high - point.cost.value == pytest.approx(4.3027 * spread / 3**0.5, rel=0.02)
    assert LORA in traded.standings[FULL].by
    assert traded.standings[FULL].standing == "dominated"
    cost = next(cost for cost in comparison.costs if cost.arm == LORA)
    assert cost.tokens_per_second == pytest.approx(20_000.0)


def test_it_is_a_section_a_plot_and_json(comparison: Comparison) -> None:
    text = render(compose(comparison))
    assert "<b>Quality against cost</b>" in text
    assert "plots/tradeoff.svg" in text
    assert "dominated by" in text
    assert draw(comparison)["tradeoff"].panels
    found = comparison_json(comparison)["tradeoffs"]
    exported = {(one["measurand"]["name"], one["cost"]["name"]): one for one in found}
    assert exported["choice", "seconds"]["points"][0]["name"] == "base"


def test_probes_are_named_only_where_they_give_the_seconds() -> None:
    """A report that explains a probe which never ran describes another run."""
    alone = compare(priced(make_run(examples=40).only("choice"), {FULL: (4.0, 4.1, 4.2)}), replicates=100)
    assert not any(one.probed for one in alone.tradeoffs)
    assert "probe" not in render(compose(alone)).partition("<b>Quality against cost</b>")[2].partition("</details>")[0]
