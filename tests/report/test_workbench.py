"""What the page's script works with: the comparison's own figures, small enough to send."""

import base64
import json
import zlib
from statistics import fmean
from typing import Any

import pytest

from bench.control_codes import visible
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.render import format as fmt
from bench.report.share import to_share
from bench.report.workbench import workbench, workbench_json
from tests.fakes.records import make_run


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(make_run(examples=30, hostile=True), replicates=100)


@pytest.fixture(scope="module")
def data(comparison: Comparison) -> dict[str, Any]:
    return workbench_json(comparison)


def test_scores_average_to_the_report_s_value(comparison: Comparison, data: dict[str, Any]) -> None:
    """What a reader counts by hand in the examples is what the cell says."""
    entry = next(entry for entry in data["evals"] if entry["name"] == "choice")
    for arm, seeds in zip(data["arms"], entry["scores"], strict=True):
        means = [fmean(score for score in seed if score is not None) for seed in seeds]
        assert fmean(means) == pytest.approx(comparison.results[arm, "choice"].value.mean)


def test_texts_are_stored_once_and_found_again(comparison: Comparison, data: dict[str, Any]) -> None:
    assert len(set(data["texts"])) == len(data["texts"])
    entry, shown = data["evals"][0], comparison.examples[0]
    assert [data["texts"][place] for place in entry["questions"]] == [
        visible(text, keep="\n") for text in shown.questions
    ]
    assert not any("\x1b" in text or "\u202e" in text for text in data["texts"]), (
        "control codes are visible, not active"
    )


def test_an_example_that_was_chosen_has_its_options(data: dict[str, Any]) -> None:
    """Prompt, expected and chosen option alone do not say what else could have been chosen."""
    options = {entry["name"]: entry["options"] for entry in data["evals"]}
    first = [data["texts"][place] for place in options["choice"][0]]
    assert first == ["Town 0", "Town 1"]
    assert options["qa"] == []


def test_every_pair_of_arms_is_there_once_with_its_rule(comparison: Comparison, data: dict[str, Any]) -> None:
    arms = [arm for arm in comparison.arms if arm != "base"]
    pairs = [row for row in data["differences"] if row[0] == "qa" and row[4] == "all pairs of arms"]
    assert {frozenset(row[1:3]) for row in pairs} == {frozenset((a, b)) for a in arms for b in arms if a != b}
    assert len(pairs) == 15
    against_base = [row for row in data["differences"] if row[0] == "qa" and row[2] == "base"]
    assert len(against_base) == 6


def test_a_pair_that_a_reader_picks_is_corrected_for_all_pairs(comparison: Comparison) -> None:
    """Whoever looks through fifteen differences finds a large one: its p-value is Holm's over the fifteen."""
    pairs = [pair for pair in comparison.pairs if pair.measurand == "choice"]
    results = comparison.results
    for pair in pairs:
        left, right = (results[arm, "choice"].value.mean for arm in (pair.arm, pair.reference))
        assert left is not None
        assert right is not None
        assert pair.estimate == pytest.approx(left - right)
        assert pair.p_adjusted is not None
        if pair.reading in {"better", "worse"}:
            assert pair.p_adjusted <= 0.05
            assert pair.low is not None
            assert pair.high is not None
            assert pair.low > 0 or pair.high < 0
    against_base = [results[arm, "choice"].versus_base for arm in comparison.arms if arm != "base"]
    assert len(pairs) > len(against_base), "more is looked at, so more is asked"
    assert {pair.p_adjusted for pair in comparison.pairs if pair.measurand == "heldout"} == {None}


def test_a_difference_with_missing_scores_says_that_its_interval_counts_them() -> None:
    """The page's interval was the wider one, the table's the narrower one, and neither said which it was."""
    comparison = compare(make_run(examples=30, missing=0.1).only("choice"), replicates=100)
    result = comparison.results["lima_1k/full", "choice"]
    bounds = result.versus_base.delta.bounds
    told = [entry[3] for entry in workbench_json(comparison)["differences"] if entry[:2] == ("choice", "lima_1k/full")]
    ends = fmt.signed_interval(bounds.low, bounds.high).removesuffix("]")
    assert f"{ends}, missing scores counted]" in told[0]
    assert all("missing scores counted" in said for said in told)


def test_training_rows_have_their_mask(comparison: Comparison, data: dict[str, Any]) -> None:
    assert set(data["rows"]) == {arm for arm in comparison.arms if arm != "base"}
    (row,) = data["rows"]["lima_1k/full"]
    assert row["runs"] == [["User: Where is it? <b>\nAssistant:", 0], [" In a town.</s>", 1]]
    assert row["origin"].endswith("jsonl:1"), "of the first seed"


def test_it_unpacks_to_itself(comparison: Comparison, data: dict[str, Any]) -> None:
    packed = workbench(comparison)
    assert packed is not None
    assert json.loads(zlib.decompress(base64.b64decode(packed))) == json.loads(json.dumps(data))


def test_a_copy_to_publish_has_no_examples(comparison: Comparison) -> None:
    assert workbench(to_share(comparison)) is None
