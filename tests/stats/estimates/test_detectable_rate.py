"""What a run could have seen of rates: an arm that is not where its reference is has another noise."""

import numpy as np
import pytest
from scipy import optimize
from scipy.special import expit, logit

from bench.stats.estimates.delta import detectable_at
from bench.stats.estimates.detectable_rate import detectable_rate
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.power import detectable_effect
from bench.stats.noise.variance import RateNoise, RatesNoise
from bench.stats.samples.sample import scores


def rates_at(
    arm: float, reference: float, *, arm_error: float, reference_error: float, width: float = 1.0
) -> RatesNoise:
    sides = RateNoise(rate=arm, seed_error=arm_error), RateNoise(rate=reference, seed_error=reference_error)
    return RatesNoise(arm=sides[0], reference=sides[1], width=width, examples=400.0)


def test_of_seeds_alone_it_is_where_the_logits_are_so_many_errors_apart() -> None:
    """An untrained reference at 2%: the arm has to be 2.5 times its error away in logits, whatever its rate is."""
    rates, times = rates_at(0.02, 0.02, arm_error=0.6, reference_error=0.0), 2.5
    both = times * 0.6 * 0.02 * 0.98
    expected = expit(logit(0.02) + times * 0.6) - 0.02
    assert detectable_rate(rates, examples_alone=0.0, both=both) == pytest.approx(expected, abs=0.0025)
    assert expected > 2 * both, "by the noise at 2% it was less than half of that"
    percent = rates_at(0.02, 0.02, arm_error=0.6, reference_error=0.0, width=100.0)
    assert detectable_rate(percent, examples_alone=0.0, both=100 * both) == pytest.approx(100 * expected, abs=0.25)


def test_two_noisy_sides_meet_on_the_way_of_steepest_descent() -> None:
    rates, times = rates_at(0.1, 0.1, arm_error=0.3, reference_error=0.3), 3.0
    both = times * 0.3 * 2**0.5 * 0.1 * 0.9

    def errors_apart(size: float) -> float:
        slopes = np.array([(0.1 + size) * (0.9 - size), 0.1 * 0.9])
        pull = 0.3 * slopes.sum() / np.hypot(*slopes)
        return float((logit(0.1 + size) - logit(0.1)) / pull) - times

    expected = optimize.brentq(errors_apart, 0.01, 0.8)
    assert detectable_rate(rates, examples_alone=0.0, both=both) == pytest.approx(expected, abs=0.0025)


def test_in_the_middle_and_of_little_noise_it_is_that_of_the_scores() -> None:
    rates = rates_at(0.5, 0.5, arm_error=0.1, reference_error=0.1)
    assert detectable_rate(rates, examples_alone=0.03, both=0.06) == pytest.approx(0.06, rel=0.02)


def test_a_noise_that_hides_whatever_the_scale_has_is_all_of_it() -> None:
    assert detectable_rate(rates_at(0.5, 0.5, arm_error=5.0, reference_error=5.0), examples_alone=0.1, both=8.0) == 1.0


def test_the_figure_beside_a_difference_is_that_of_where_the_arm_would_be() -> None:
    """10% right, with three seeds of both sides; 118 of 1,000 were said to be found in 80%, and were in 51%."""
    generator = np.random.default_rng(3)
    rates = expit(logit(0.1) + 0.4 * generator.normal(size=(2, 3, 1)))
    arm, control = (scores((generator.random((3, 400)) < rate).astype(float).tolist(), binary=True) for rate in rates)
    delta = paired_delta(arm, control, seed=0, replicates=100)
    parts = delta.components
    assert parts is not None
    assert parts.rates is not None
    assert parts.seed is not None
    assert parts.rest is not None
    by_noise_now = detectable_effect(
        parts.example**0.5, parts.example_degrees, seed_error=((parts.seed + parts.rest) / parts.replicates) ** 0.5,
        seed_degrees=parts.seed_degrees or 1.0, seeds=parts.replicates,
    )  # fmt: skip
    found = detectable_at(delta, 0.95)
    assert found is not None
    assert found > 1.2 * by_noise_now
