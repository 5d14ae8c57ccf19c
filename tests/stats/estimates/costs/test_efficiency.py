"""Quality per cost: what is right per second, with the noise of examples and of seeds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from bench.stats.conclusions.claims import decide
from bench.stats.estimates.costs.efficiency import efficiency_ratio
from bench.stats.samples.sample import Scores, scores
from benchmarks.simulations.lean import lean


def side(rate: float, *, seeds: int = 3, examples: int = 400, seed: int = 0, spread: float = 0.0) -> Scores:
    generator = np.random.default_rng(seed)
    difficulty = generator.random(examples)
    skill = rate + spread * generator.normal(size=(seeds, 1))
    return scores((difficulty < skill).astype(float).tolist(), binary=True)


def test_estimate_is_the_ratio_of_quality_over_cost() -> None:
    arm, reference = side(0.6), side(0.3, seed=1)
    found = efficiency_ratio((arm, [10, 20, 40]), (reference, [5, 5, 5]), counted=False, seed=0)
    expected = arm.values.mean() / reference.values.mean() * 5 / 20
    assert found.ratio == pytest.approx(expected)
    assert found.low is not None
    assert found.high is not None
    assert found.low < expected < found.high


def test_twice_the_cost_at_the_same_quality_is_half_as_efficient() -> None:
    arm = side(0.5, spread=0.02)
    found = efficiency_ratio(
        (arm, [20, 21, 19]), (side(0.5, spread=0.02, seed=0), [10, 10.5, 9.5]), counted=False, seed=0
    )
    assert found.ratio == pytest.approx(0.5)
    assert decide(">", found).outcome == "refuted"


def test_swapping_the_sides_turns_the_ratio_round() -> None:
    one, other = (side(0.6, spread=0.03), [3.0, 3.1, 2.9]), (side(0.5, seed=4, spread=0.03), [2.0, 2.2, 2.1])
    found, turned = (efficiency_ratio(a, b, counted=False, seed=0) for a, b in ((one, other), (other, one)))
    assert found.ratio == pytest.approx(1 / turned.ratio)  # type: ignore[operator]
    assert found.low == pytest.approx(1 / turned.high)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arm", "reason"), [(scores([[0.0] * 50] * 2), "zero or less"), (scores([[1.0] + [0.0] * 49] * 2), "too near zero")]
)
def test_a_quality_of_about_zero_decides_nothing(arm: Scores, reason: str) -> None:
    found = efficiency_ratio((arm, [1, 1]), (scores([[1.0, 0.0] * 25] * 2), [1, 1]), counted=True, seed=0)
    assert reason in (found.reason or "")
    assert decide(">", found).outcome in {"inconclusive", "incomplete"}


def test_one_measured_training_has_no_interval_and_one_counted_has() -> None:
    """The seconds of one training say nothing of the next; its tokens are what they are."""
    arm, reference = (side(0.6, seeds=1), [5.0]), (side(0.5, seeds=1, seed=1), [5.0])
    assert efficiency_ratio(arm, reference, counted=False, seed=0).low is None
    assert efficiency_ratio(arm, reference, counted=True, seed=0).low is not None


def test_two_measured_trainings_a_side_have_an_interval_and_one_on_either_has_none() -> None:
    for seeds, known in (((2, 2), True), ((1, 2), False), ((2, 1), False)):
        sides = [(side(0.6, seeds=n, seed=n), [5.0, 5.5][:n]) for n in seeds]
        found = efficiency_ratio(sides[0], sides[1], counted=False, seed=0)
        assert (found.low is not None) is known
        assert found.ratio is not None


@pytest.mark.parametrize("turned", [False, True])
def test_either_side_without_quality_leaves_no_ratio(turned: bool) -> None:
    good = (scores([[1.0, 0.0] * 25] * 2), [1.0, 1.0])
    for poor, reason in ((scores([[0.0] * 50] * 2), "zero or less"), (scores([[None] * 50] * 2), "scored by both")):
        sides = ((poor, [1.0, 1.0]), good)[:: -1 if turned else 1]
        found = efficiency_ratio(*sides, counted=True, seed=0)
        assert (found.ratio, found.low, found.curve) == (None, None, None)
        assert reason in str(found.reason)


def test_a_quality_that_its_error_is_a_quarter_of_is_the_least_with_an_interval() -> None:
    """20 of 400 right: an error of 0.23 of it; 8 of 400: 0.39."""
    other = (side(0.5, seeds=1), [1.0])
    for right, known in ((20, True), (8, False)):
        arm = scores([[1.0] * right + [0.0] * (400 - right)], binary=True)
        assert (efficiency_ratio((arm, [1.0]), other, counted=True, seed=0).low is not None) is known


def test_what_is_missing_has_the_interval_of_imbens_and_manski_with_the_noise_of_the_seeds() -> None:
    """One in sixteen scores of an arm whose seeds differ are missing: bounds about one error apart."""
    whole = side(0.6, spread=0.05)
    arm = replace(whole, present=(np.arange(400) % 16 > 0) & whole.present)
    costs = [1.0, 1.0, 1.0]
    found = efficiency_ratio((arm, costs), (side(0.5, spread=0.05, seed=1), costs), counted=True, seed=0)
    lowest, highest = found.extremes
    errors = [
        (parts.example + (parts.seed + parts.rest) / parts.replicates) ** 0.5
        for parts in (lowest.components, highest.components)
    ]
    width = float(np.log(highest.ratio / lowest.ratio)) / max(errors)
    tail = optimize.brentq(lambda t: stats.norm.cdf(width - stats.norm.ppf(t)) - t - 0.95, 0.025, 0.05)
    assert 1 < width < 1.3
    assert found.bounds.low == pytest.approx(float(lowest.curve.quantile(tail)))


def test_intervals_hold_the_truth() -> None:
    """By simulation, 400 runs: examples, seeds and costs all vary; two standard errors of slack."""
    with lean():  # intervals of the rates themselves, which are coarser, are not read
        held = _held(400)
    slack = 200 * (0.95 * 0.05 / 400) ** 0.5
    assert 93 - slack <= 100 * held / 400 <= 98 + slack


def _held(runs: int) -> int:
    """Intervals that hold the true ratio, one half."""
    generator = np.random.default_rng(5)
    held = 0
    for run in range(runs):
        difficulty = generator.normal(size=200)

        def draw(skill: float, cost: float, difficulty: np.ndarray = difficulty) -> tuple[Scores, list[float]]:
            noise = 0.1 * generator.normal(size=(3, 1)) + 0.5 * generator.normal(size=(3, 200))
            values = (skill + noise > difficulty).astype(float)
            return scores(values.tolist(), binary=True), list(cost * np.exp(0.05 * generator.normal(size=3)))

        found = efficiency_ratio(draw(0.0, 2.0), draw(0.0, 1.0), counted=False, seed=run, replicates=300)
        held += found.low <= 0.5 <= found.high
    return held
