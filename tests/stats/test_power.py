"""Beside each delta: what the run could have seen. Beside each open claim: what would decide it."""

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from bench.stats.paired import paired_delta
from bench.stats.power import Needed, detectable_effect, needed
from bench.stats.sample import scores
from bench.stats.variance import Components


def test_detectable_effect_is_near_statsmodels_exact_one() -> None:
    exact = TTestPower().solve_power(nobs=200, alpha=0.05, power=0.8)
    assert detectable_effect(200**-0.5, 199) == pytest.approx(exact, rel=0.005)


def test_a_true_effect_of_that_size_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(4)
    zero = scores([[0.0] * 60], trained=False)
    found = []
    for trial in range(600):
        values = generator.normal(detectable_effect(60**-0.5, 59), 1, 60)
        found.append(paired_delta(scores([values.tolist()]), zero, seed=trial, replicates=300).p_value <= 0.05)
    assert 0.75 <= np.mean(found) <= 0.85


def test_examples_needed_is_near_statsmodels_exact_number() -> None:
    exact = TTestPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8)
    parts = Components(example=1 / 200, seed=None, rest=None)
    more = needed(0.1, parts, examples=200, seeds=1)
    assert more.examples == pytest.approx(exact, abs=2)
    assert more.seeds is None


def test_what_examples_cannot_decide_seeds_can_and_the_other_way_round() -> None:
    seed_bound = Components(example=1e-6, seed=0.01, rest=0.0)
    assert needed(0.05, seed_bound, examples=1_000, seeds=3).examples is None
    seeds = needed(0.05, seed_bound, examples=1_000, seeds=3).seeds
    assert seeds is not None
    assert 30 < seeds < 40  # (2.03 + 0.85)² * 0.01 / 0.05² = 33
    example_bound = Components(example=0.01, seed=1e-6, rest=0.0)
    assert needed(0.05, example_bound, examples=100, seeds=3).seeds is None
    assert needed(0.05, example_bound, examples=100, seeds=3).examples is not None


def test_an_estimate_on_the_threshold_is_decided_by_nothing() -> None:
    assert needed(0.0, Components(example=1.0, seed=1.0, rest=1.0), examples=10, seeds=3) == Needed(
        examples=None, seeds=None
    )
