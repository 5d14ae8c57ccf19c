"""A difference in words says no more than its interval, its p-value and its seeds show."""

from dataclasses import replace

import pytest

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.difference_words import asked_words, difference_words, ratio_words
from bench.report.compare import compare_record
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.missing import MissingBounds
from bench.suite.tables.conclusions.claim import Claim
from tests.fakes.records import make_run

RATIO = Ratio(
    ratio=0.85, low=0.8, high=0.91, level=0.95, p_value=0.001, mde=None, method="", reason=None, arm_seeds=3,
    reference_seeds=3, n_missing=0, log_variance=None, curve=None,
)  # fmt: skip
CLAIM = {"says": "lima_1k/full >= alpaca_52k/full", "on": "qa", "margin": 0.02}


@pytest.fixture(scope="module")
def case() -> tuple[ClaimResult, Delta, Measurand]:
    """A claim far from its threshold, its difference and its eval."""
    rates = {"qa": {"lima_1k/full": 0.8, "alpaca_52k/full": 0.3}}
    run = make_run(examples=150, rates=rates, seed_spread=0.01, claims=(CLAIM,)).only("qa")
    comparison = compare_record(run.record, run.rows, replicates=200)
    (result,) = comparison.claims
    assert result.delta is not None
    return result, result.delta, next(entry for entry in comparison.measurands if entry.name == "qa")


def test_the_claims_row_says_by_how_much_and_what_was_asked(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    result, delta, _ = case
    assert delta.estimate is not None
    assert delta.low is not None
    assert delta.high is not None
    ends = f"({100 * delta.low:.1f} to {100 * delta.high:.1f})"
    assert result.seen == f"better by {100 * delta.estimate:.1f} points {ends}"
    assert result.asked == "not worse by more than 2.0 points"


def test_better_is_said_only_of_what_is_resolved_among_all_claims(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    _, delta, measurand = case
    weak = replace(delta, estimate=0.05, low=0.01, high=0.09, p_value=0.02)
    assert difference_words(weak, measurand, family=1) == "better by 5.0 points (1.0 to 9.0)"
    among = difference_words(weak, measurand, family=8)
    assert among == "maybe better by 5.0 points (1.0 to 9.0), only before the correction for 8 claims"
    assert difference_words(weak, measurand, family=8, proven=True) == "better by 5.0 points (1.0 to 9.0)"
    lone = difference_words(replace(weak, repeated=False), measurand, family=1)
    assert lone == "maybe better by 5.0 points (1.0 to 9.0), by the noise of the examples alone"
    open_ = difference_words(replace(weak, low=-0.01), measurand, family=1)
    assert open_ == "+5.0 points (−1.0 to +9.0)"
    assert difference_words(replace(weak, low=None), measurand, family=1) is None


@pytest.mark.parametrize(
    ("high", "words"),
    [
        (-0.08, "worse by 13.8 points (8.0 to 21.0, missing scores counted)"),
        (0.01, "−13.8 points (−21.0 to +1.0, missing scores counted)"),
    ],
)
def test_the_interval_that_is_said_is_the_one_that_decides(
    case: tuple[ClaimResult, Delta, Measurand], high: float, words: str
) -> None:
    """Two intervals, or an interval and a range of estimates, read as two answers, and the narrower is believed."""
    _, delta, measurand = case
    bounds = MissingBounds(
        lowest=-0.183, highest=-0.114, low=-0.21, high=high, p_value=0.001, missing=0.05, reference_missing=0.05,
        scale=(0.0, 1.0),
    )  # fmt: skip
    worse = replace(delta, estimate=-0.138, low=-0.203, high=-0.082, p_value=0.0, bounds=bounds)
    assert difference_words(worse, measurand, family=1) == words


def test_a_lower_loss_is_better_and_has_the_size_of_its_fall(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    _, delta, measurand = case
    loss = replace(measurand, higher_is_better=False, binary=False)
    fell = replace(delta, estimate=-1.5, low=-2.0, high=-1.0, p_value=0.0)
    assert difference_words(fell, loss, family=1) == "better by 1.500 (1.000 to 2.000)"


def test_costs_are_asked_in_per_cent(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    claim = case[0].claim.model_copy(update={"on": "cost:seconds", "margin": 0.1})
    assert asked_words(claim, None) == "at most 10% dearer"
    cheaper = claim.model_copy(update={"says": "a > b", "margin": 0.5})
    assert asked_words(cheaper, None) == "cheaper by more than 33.3%", "the threshold of the ratio is 1 / 1.5"
    assert asked_words(cheaper.model_copy(update={"says": "a == b"}), None) == "equal within a factor of 1.50"


@pytest.mark.parametrize(
    ("ratio", "low", "high", "proven", "words"),
    [
        (0.85, 0.8, 0.91, True, "cheaper by 15.0% (9.0 to 20.0)"),
        (1.2, 1.1, 1.3, True, "dearer by 20.0% (10.0 to 30.0)"),
        (2.98, 2.5, 3.4, True, "dearer by a factor of 2.98 (2.50 to 3.40)"),
        (0.85, 0.8, 0.91, False, "×0.850 of the cost (0.800 to 0.910)"),
        (0.95, 0.8, 1.12, True, "×0.950 of the cost (0.800 to 1.120)"),
        (0.95, None, None, False, "×0.950 of the cost"),
    ],
)
def test_cheaper_is_said_only_of_what_a_verdict_shows(
    ratio: float, low: float | None, high: float | None, proven: bool, words: str
) -> None:
    claim = Claim(says="a > b", on="cost:seconds")
    case = replace(RATIO, ratio=ratio, low=low, high=high)
    assert ratio_words(case, claim, proven=proven) == words


def test_a_count_is_exact() -> None:
    claim = Claim(says="a > b", on="cost:tokens")
    case = replace(RATIO, ratio=0.5, low=0.5, high=0.5, exact=True)
    assert ratio_words(case, claim) == "cheaper by 50.0%, counted exactly"
    assert ratio_words(replace(case, ratio=1.0, low=1.0, high=1.0), claim) == "×1.000 of the cost, counted exactly"
