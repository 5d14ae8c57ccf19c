"""A difference in words says no more than its interval, its p-value and its seeds show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims import ClaimResult
from bench.report.analysis.conclusions.difference_words import asked_words, difference_words
from bench.report.compare import compare_record
from bench.stats.estimates.delta import Delta
from tests.fakes.records import make_run

CLAIM = {"says": "lima_1k/full >= alpaca_52k/full", "on": "qa", "margin": 0.02}


@pytest.fixture(scope="module")
def case() -> tuple[ClaimResult, Delta, Measurand]:
    """A claim far from its threshold, its difference and its eval."""
    rates = {"qa": {"lima_1k/full": 0.8, "alpaca_52k/full": 0.3}}
    run = make_run(examples=150, rates=rates, seed_spread=0.01, claims=(CLAIM,))
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
    assert among == "ahead by 5.0 points (1.0 to 9.0), not resolved among 8 claims"
    assert difference_words(weak, measurand, family=8, proven=True) == "better by 5.0 points (1.0 to 9.0)"
    lone = difference_words(replace(weak, repeated=False), measurand, family=1)
    assert lone == "ahead by 5.0 points (1.0 to 9.0), by the noise of the examples alone"
    open_ = difference_words(replace(weak, low=-0.01), measurand, family=1)
    assert open_ == "not resolved: +5.0 points (−1.0 to +9.0)"
    assert difference_words(replace(weak, low=None), measurand, family=1) is None


def test_a_lower_loss_is_better_and_has_the_size_of_its_fall(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    _, delta, measurand = case
    loss = replace(measurand, higher_is_better=False, binary=False)
    fell = replace(delta, estimate=-1.5, low=-2.0, high=-1.0, p_value=0.0)
    assert difference_words(fell, loss, family=1) == "better by 1.500 (1.000 to 2.000)"


def test_costs_are_asked_in_per_cent(case: tuple[ClaimResult, Delta, Measurand]) -> None:
    claim = case[0].claim.model_copy(update={"on": "cost:seconds", "margin": 0.1})
    assert asked_words(claim, None) == "at most 10% dearer"
