"""Missing scores that decide a mark or a claim make a run incomplete, and the report names the arm."""

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import ExitCode
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.sections.marks import contrast_cell, score_cell
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"
SAME = dict.fromkeys(("base", ARM, "random_1k/full"), 0.5)
CLAIM = {"says": f"{ARM} > random_1k/full", "on": "qa"}


def without_wrong(run: FakeRun, share: float) -> FakeRun:
    """The run in which so many of the arm's wrong answers on `qa` have no score."""
    rng = np.random.default_rng(0)
    rows = dict(run.rows)
    for key in [key for key in rows if key[0] == "qa" and key[1].startswith(ARM)]:
        rows[key] = [
            row.model_copy(update={"metrics": dict.fromkeys(row.metrics)})
            if row.metrics["exact_match"] == 0.0 and rng.random() < share
            else row
            for row in rows[key]
        ]
    return replace(run, rows=rows)


@pytest.fixture(scope="module")
def equal() -> FakeRun:
    """An arm that is as good as its control."""
    return make_run(examples=300, seed_spread=0.0, rates={"qa": SAME}, claims=(CLAIM,)).only("qa")


def test_unscored_wrong_answers_do_not_make_an_arm_better(equal: FakeRun) -> None:
    """It looks 0.15 better than its control, and is its equal."""
    whole = compare(equal, replicates=200)
    assert whole.completeness.exit_code is ExitCode.OK
    assert whole.results[ARM, "qa"].value.bounds is None
    comparison = compare(without_wrong(equal, 0.6), replicates=200)
    result = comparison.results[ARM, "qa"]
    contrast = result.versus_control
    assert contrast.delta.low is not None
    assert contrast.delta.low > 0, "as scored, it is better"
    assert contrast.reading == "unresolved"
    assert contrast.p_adjusted is not None
    assert contrast.p_adjusted > 0.5
    claim = comparison.claims[0]
    assert claim.verdict.outcome == "incomplete"
    assert f"{ARM} lacks" in claim.why
    assert (
        f"supported as scored, inconclusive if they all count against {ARM}, supported if all count for it" in claim.why
    )
    assert comparison.completeness.exit_code is ExitCode.INCOMPLETE
    assert {(scores.arm, scores.measurand) for scores in comparison.completeness.missing_scores} == {(ARM, "qa")}
    view = compose(comparison)
    assert view.status.text.startswith(f"INCOMPLETE: missing scores of {ARM} decide results on qa.")
    [missing] = [section for section in view.sections if section.title == "What is missing"]
    [named] = [block for block in missing.blocks if block.kind == "bullets"]
    assert [cell.text.partition(" (")[0] for cell in named.items] == [f"qa: {ARM}"]
    assert "; missing: " in contrast_cell(contrast).note
    assert score_cell(result).note.startswith("missing: ")


def test_a_few_missing_scores_that_change_nothing_leave_a_run_complete(equal: FakeRun) -> None:
    run = make_run(
        examples=300,
        seed_spread=0.0,
        rates={"qa": {"base": 0.2, ARM: 0.9}},
        claims=({**CLAIM, "says": f"{ARM} > base"},),
    ).only("qa")
    comparison = compare(without_wrong(run, 0.2), replicates=200)
    contrast = comparison.results[ARM, "qa"].versus_base
    assert contrast.delta.bounds is not None
    assert (contrast.reading, comparison.claims[0].verdict.outcome) == ("better", "supported")
    assert not comparison.completeness.missing_scores
