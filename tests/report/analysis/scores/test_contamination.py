"""Contaminated examples in the report: counted, and every difference told without them."""

from dataclasses import replace
from statistics import fmean

import pytest

from bench.record.contamination import ContaminationRecord
from bench.report.analysis.training.kept_steps import KeptStep
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.export.comparison_json import comparison_json
from bench.report.render.markdown import render
from tests.fakes.records import FakeRun, make_run

ARM, CONTROL = "lima_1k/full", "random_1k/full"


def contaminated(run: FakeRun, **found: tuple[int, ...]) -> FakeRun:
    """`lima_1k=(1, 2)`: examples 1 and 2 of `choice` stand in those rows. All data was looked at."""
    records = tuple(
        ContaminationRecord(
            data=data,
            eval="choice",
            ngram=13,
            shortest=8,
            examples=60,
            judged=50,
            found=tuple(("micro_choice", str(index)) for index in found.get(data, ())),
        )
        for data in run.record.resolved.data
    )
    return run.changed(contamination=records)


def mean(run: FakeRun, arm: str, left_out: set[str]) -> float:
    names = ["base"] if arm == "base" else [f"{arm}#{seed}" for seed in (0, 1, 2)]
    scores = [row.metrics["acc"] for name in names for row in run.rows["choice", name] if row.id not in left_out]
    return fmean(score for score in scores if score is not None)


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return contaminated(make_run(examples=60).only("choice"), lima_1k=(1, 2, 3), random_1k=(3, 4))


def test_differences_without_the_contaminated_equal_the_hand_computed(run: FakeRun) -> None:
    one = next(c for c in compare(run, replicates=100).contamination.arms if c.arm == ARM)
    assert (one.found, one.examples, one.judged) == (3, 60, 50)
    without = {"1", "2", "3"}
    assert one.versus_base.all.estimate == pytest.approx(mean(run, ARM, set()) - mean(run, "base", set()))
    assert one.versus_base.clean.estimate == pytest.approx(mean(run, ARM, without) - mean(run, "base", without))
    assert one.versus_base.clean.n_examples == 57
    both = without | {"4"}
    assert one.versus_control.clean.estimate == pytest.approx(mean(run, ARM, both) - mean(run, CONTROL, both))
    assert one.versus_control.left_out == 4


def test_the_verdict_stands_on_the_cell_with_its_figure(run: FakeRun) -> None:
    given = [finding for finding in compare(run, replicates=100).sanity if finding.name == "contaminated"]
    assert {(finding.arm, finding.measurand) for finding in given} == {
        (f"{data}/{recipe}", "choice") for data in ("lima_1k", "random_1k") for recipe in ("full", "lora")
    }
    assert "3 of 60 examples (5.0%) are in its training rows" in given[0].detail
    assert "without" in given[0].detail


def test_the_report_says_what_was_looked_at_even_where_nothing_was_found() -> None:
    """A clean report must be told from one that never looked."""
    clean, unknown = contaminated(make_run(examples=60)), make_run(examples=60)
    text = render(compose(compare(clean, replicates=100)))
    assert "<b>Contamination</b>" in text
    searched = "in rows of lima_1k, random_1k and alpaca_52k, of choice (60 examples, 10 too short)"
    assert f"None was found, {searched}." in text
    assert "Dev examples" not in text
    kept = KeptStep(
        arm=ARM, seed=0, by="qa", step=2, score=0.5, evaluated=2, last_step=4, last_score=0.4, stopped_early=False
    )
    chosen = replace(compare(clean, replicates=100), kept_steps=(kept,))
    assert "Dev examples, which chose steps" in render(compose(chosen))
    assert "<b>Contamination</b>" not in render(compose(compare(unknown, replicates=100)))


def test_an_eval_that_is_contaminated_through_and_through_has_no_clean_difference() -> None:
    run = contaminated(make_run(examples=60), lima_1k=tuple(range(60)))
    comparison = compare(run, replicates=100)
    versus = comparison.contamination.arms[0].versus_base
    assert versus.clean.estimate is None
    assert "no example left" in render(compose(comparison))
    exported = comparison_json(comparison)["contamination"]
    assert exported["arms"][0]["versus_base"]["clean"]["estimate"] is None


def test_draws_of_one_data_name_count_together() -> None:
    run = contaminated(make_run(examples=60), random_1k=(5,))
    first = next(c for c in run.record.contamination if c.data == "random_1k")
    second = first.model_copy(update={"data": "random_1k@1", "found": (("micro_choice", "6"),)})
    found = compare(run.changed(contamination=(*run.record.contamination, second)), replicates=100).contamination
    assert {(one.arm, one.found) for one in found.arms} == {(CONTROL, 2), ("random_1k/lora", 2)}
