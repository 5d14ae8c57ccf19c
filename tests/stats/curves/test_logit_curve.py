"""Seed noise of rates on the logit scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from bench.stats.curves.curve import SeedCurve, interval, two_sided_p
from bench.stats.curves.logit_curve import (
    NODES,
    Rate,
    WeightedCurve,
    _order,
    logit_seed_curve,
    moved,
    skewed,
    skewness,
)
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.single import score_interval
from bench.stats.noise.seed_term import seed_term
from bench.stats.noise.side import Side as SeedSide
from bench.stats.samples.sample import layout
from benchmarks.simulations.data import matrix

Side = tuple[float, float]
"""Rate, and pull of its logit."""


def rates(arm: Side, reference: Side | None) -> tuple[Rate, Rate | None]:
    sides = [arm] if reference is None else [arm, reference]
    weights = np.array([rate * (1 - rate) for rate, _ in sides])
    built = [Rate(value=r, part=w / weights.sum(), pull=k) for (r, k), w in zip(sides, weights, strict=True)]
    return built[0], built[1] if reference else None


def curve(arm: Side, reference: Side | None, *, error: float = 0.02, degrees: float = 4.0) -> WeightedCurve:
    """With normal example noise."""
    centre = arm[0] - (reference[0] if reference else 0.0)
    examples = centre + error * special.ndtri(NODES)
    return logit_seed_curve(examples, *rates(arm, reference), width=1.0, lowest=0.0, degrees=degrees)


def seeds_of(rates: list[float], examples: int) -> np.ndarray:
    """[seeds, examples] answers with exactly these rates, right ones at examples of their own."""
    generator = np.random.default_rng(0)
    rows = [generator.permutation(np.arange(examples) < round(rate * examples)) for rate in rates]
    return np.array(rows)


def test_seeds_from_10_to_28_percent_are_better_than_a_base_of_none() -> None:
    """Seen: 0.197 against 0 of 576 was "not resolved", with a lower bound of -0.019."""
    base = matrix(np.zeros(576), binary=True, trained=False)
    arm = matrix(seeds_of([0.10, 0.21, 0.281], 576), binary=True)
    delta = paired_delta(arm, base, seed=0)
    assert delta.estimate == pytest.approx(0.197, abs=0.001)
    assert delta.low is not None
    assert delta.low > 0.04
    assert delta.p_value is not None
    assert delta.p_value < 0.005
    value = score_interval(arm, seed=0)
    assert value.low is not None
    assert value.high is not None
    assert 0.04 < value.low < 0.197 < value.high < 0.6


@pytest.mark.parametrize("wrong", [(0, 0, 1), (0, 1, 2), (1, 3, 6), (1, 6, 16), (16, 46, 76)])
def test_an_arm_that_is_nearly_always_right_has_its_difference_from_a_base_of_none_inside_the_interval(
    wrong: tuple[int, ...],
) -> None:
    """Seen: 0.998 [0.951, 0.997]; of 600 such intervals 31% ended below the true difference."""
    base = matrix(np.zeros(576), binary=True, trained=False)
    arm = matrix(seeds_of([1 - count / 576 for count in wrong], 576), binary=True)
    delta, value = paired_delta(arm, base, seed=0), score_interval(arm, seed=0)
    assert delta.low < delta.estimate < delta.high <= 1.0
    assert delta.high == pytest.approx(value.high, abs=0.004), "nothing right has no room to be worse"


def test_seeds_of_few_right_answers_are_not_better_than_none() -> None:
    """The examples' noise still reaches over zero: no seed noise may hide it."""
    arm = np.zeros((3, 576))
    arm[:, 0], arm[0, 1:3] = 1, 1
    for base in (matrix(np.zeros(576), binary=True, trained=False), matrix(np.zeros((3, 576)), binary=True)):
        delta = paired_delta(matrix(arm, binary=True), base, seed=0)
        assert delta.p_value is not None
        assert delta.p_value > 0.05
        assert delta.low is not None
        assert delta.low < 0


@settings(max_examples=40, derandomize=True)
@given(st.lists(st.integers(0, 30), min_size=5, max_size=5), st.integers(1, 3))
def test_no_bound_leaves_the_scale_and_curve_interval_and_p_value_agree(rights: list[int], split: int) -> None:
    rows = seeds_of([count / 30 for count in rights], 30)
    arm, other = matrix(rows[: split + 1], binary=True), matrix(rows[split + 1 :], binary=True)
    delta, back = paired_delta(arm, other, seed=0), paired_delta(other, arm, seed=0)
    if delta.curve is None:
        return
    assert delta.low is not None
    assert delta.high is not None
    assert -1 <= delta.low <= delta.high <= 1
    assert (back.low, back.high) == pytest.approx((-delta.high, -delta.low), abs=1e-4)
    assert back.p_value == pytest.approx(delta.p_value, abs=1e-3)
    if min(abs(delta.low), abs(delta.high)) > 1e-3:
        assert (delta.low > 0 or delta.high < 0) == (delta.p_value < 0.05)
    value = score_interval(arm, seed=0)
    assert value.low is None or (value.high is not None and 0 <= value.low <= value.high <= 1)


@pytest.mark.parametrize(
    ("arm", "reference"),
    [((0.2, 0.4), (0.02, 0.3)), ((0.2, 0.4), (0.3, 0.0)), ((0.5, 0.0), (0.97, 0.5)), ((0.03, 0.6), None)],
)
def test_the_curve_is_the_one_that_draws_give(arm: Side, reference: Side | None) -> None:
    built = curve(arm, reference)
    generator = np.random.default_rng(0)
    examples = (arm[0] - (reference[0] if reference else 0.0)) + 0.02 * generator.normal(size=400_000)
    draws = moved(examples, generator.standard_t(4.0, size=400_000), *rates(arm, reference))
    probabilities = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    assert built.quantile(probabilities) == pytest.approx(np.quantile(draws, probabilities), abs=0.003)
    for value in np.quantile(draws, [0.05, 0.4, 0.8]):
        assert built.cdf(float(value)) == pytest.approx(float((draws <= value).mean()), abs=0.004)


def test_small_noise_is_the_convolution_on_the_scale_itself() -> None:
    small = curve((0.5, 0.02), (0.45, 0.03), degrees=3.0)
    pulls = np.array([0.02 * 0.25, 0.03 * 0.45 * 0.55])
    grid = (np.arange(200) + 0.5) / 200
    plain = SeedCurve(values=0.05 + 0.02 * special.ndtri(grid), seed_error=float(pulls.sum()), seed_degrees=3.0)
    assert interval(small, 0.95) == pytest.approx(interval(plain, 0.95), abs=5e-4)
    assert two_sided_p(small, 0.0) == pytest.approx(two_sided_p(plain, 0.0), abs=2e-3)


def test_without_example_noise_it_is_students_t_of_logits() -> None:
    built = curve((0.1, 0.4), None, error=1e-12, degrees=2.0)
    low, high = interval(built, 0.95)
    reach = 0.4 * stats.t.ppf(0.975, 2.0)
    assert (low, high) == pytest.approx(
        (special.expit(special.logit(0.1) - reach), special.expit(special.logit(0.1) + reach)), rel=2e-3
    )


def test_beyond_the_scale_nothing_is_left() -> None:
    built = curve((0.2, 0.4), (0.1, 0.3))
    assert (built.cdf(-1.0), built.cdf(1.0)) == pytest.approx((0.0, 1.0), abs=1e-9)


@pytest.mark.parametrize("values", [np.repeat([3.0, 1.0, 2.0], 400), np.random.default_rng(0).normal(size=1200)])
def test_equal_values_are_ranked_as_they_come(values: np.ndarray) -> None:
    """The fast sort may turn them round, differently on every processor, and the curve's digits with them."""
    assert np.array_equal(_order(values), np.argsort(values, kind="stable"))


def few_right(base: int, *, expected: int = 10) -> Delta:
    """Six alike arms of three seeds, of which each has so many of 200 right on average, against a base that answered
    once. The arms' noise is well known: little more than the base's own is left."""

    def answers(counts: list[int], seed: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        return np.array([generator.permutation(np.arange(200) < count) for count in counts])

    beside = [(-2, 0, 2), (-1, 0, 1), (0, 3, -3), (-2, 0, 2), (2, 0, -2), (0, -1, 1)]
    arms = [matrix(answers([expected + n for n in more], place), binary=True) for place, more in enumerate(beside)]
    once = matrix(answers([base], 99), binary=True, trained=False)
    return paired_delta(arms[0], once, seed=0, prior=seed_prior_of(arms))


def test_examples_noise_is_that_of_the_side_without_seeds_and_shared_by_two_with_seeds() -> None:
    """Three trainings that answer by luck, of an arm and a control, and a base that answers as one of them does."""
    luck = np.random.default_rng(0)
    arm, control = (SeedSide(values=1.0 * (luck.random((3, 400)) < rate), trained=True) for rate in (0.1, 0.2))
    base = SeedSide(values=1.0 * (luck.random((1, 400)) < 0.1), trained=False)
    plan = layout(np.ones(400), None, None)

    def parts(other: SeedSide) -> tuple[float, ...]:
        term = seed_term(arm, other, plan, ends=(0.0, 1.0), prior=None)
        assert term is not None
        return term.parts

    assert parts(base) == pytest.approx((0.0, 1.0), abs=0.1)
    room = [rate * (1 - rate) for rate in (arm.values.mean(), control.values.mean())]
    assert parts(control) == pytest.approx([part / sum(room) for part in room], abs=0.01)


@pytest.mark.parametrize(("base", "expected"), [(0, 4), (2, 10), (3, 10), (4, 10)])
def test_a_base_with_few_right_answers_may_have_few_by_chance(base: int, expected: int) -> None:
    """Seen: three right of 200 where ten are expected had a p-value of 0.0005, and is as rare as 1.3%; none where four
    are expected, which shows no noise of its own, had 0.0006 in place of 1.8%. The arm has noise, too."""
    found = few_right(base, expected=expected).p_value
    exact = 2 * (stats.poisson.cdf(base, expected) - 0.5 * stats.poisson.pmf(base, expected))
    assert found is not None
    assert exact / 2 < found < exact * 2


def test_a_base_with_many_right_answers_shows_its_own_noise() -> None:
    """The other tail is the shorter one: its p-value falls where that of few right answers rises."""
    found = few_right(22).p_value
    exact = 2 * (stats.poisson.sf(22, 10) + 0.5 * stats.poisson.pmf(22, 10))
    assert found is not None
    assert exact < found < 5 * exact


@pytest.mark.parametrize("events", [5, 10, 40])
def test_a_skewed_tail_is_that_of_a_poisson_rate_by_mid_p(events: int) -> None:
    """In units of events: half an event more, and Wilson and Hilferty's root, are good to 0.15 of an event."""
    error = events**0.5
    chance = np.array([0.0025, 0.025, 0.975, 0.9975])
    bounds = events + skewed(error * special.ndtri(chance), 1 / error, error)

    def above(rate: float) -> float:
        return float(stats.poisson.sf(events, rate) + 0.5 * stats.poisson.pmf(events, rate))

    exact = [optimize.brentq(lambda rate, p=p: above(rate) - p, 1e-9, 10 * events + 20) for p in chance]
    assert bounds == pytest.approx(exact, abs=0.15)


def test_skewness_of_the_other_sign_is_the_mirror_and_none_changes_nothing() -> None:
    away = 0.3 * special.ndtri(NODES)
    assert skewed(away, -0.4, 0.3) == pytest.approx(-skewed(away, 0.4, 0.3)[::-1])
    assert skewed(away, 0.0, 0.3) is away
    assert skewed(away, 1.1e-4, 0.3) == pytest.approx(away, abs=2e-3)


def test_skewness_of_a_rate_is_that_of_the_binomial() -> None:
    """A known rate beside it adds none, and equal sides have none."""
    rate, examples = 0.05, 200
    error = (rate * (1 - rate) / examples) ** 0.5
    once, none = Rate(value=rate, part=1.0, pull=0.0), Rate(value=0.5, part=0.0, pull=0.0)
    assert skewness((once, none), error) == pytest.approx(float(stats.binom(examples, rate).stats(moments="s")))
    assert skewness((none, once), error) == pytest.approx(-skewness((once, none), error))
    half = Rate(value=rate, part=0.5, pull=0.0)
    assert skewness((half, half), error) == 0.0
