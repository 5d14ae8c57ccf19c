"""The distributions under every interval: against scipy's own, at their ends too."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.curves.distributions import (
    binomial_cdf,
    chi_square_quantile,
    f_survival,
    student_cdf,
    student_density,
    student_quantile,
    trigamma,
    trigamma_inverse,
)


@pytest.mark.parametrize("degrees", [1.0, 2.5, 30.0])
def test_student_is_scipys(degrees: float) -> None:
    points = np.linspace(-4.0, 4.0, 9)
    assert student_cdf(points, degrees) == pytest.approx(stats.t.cdf(points, degrees))
    assert student_density(points, degrees) == pytest.approx(stats.t.pdf(points, degrees))
    assert student_quantile(student_cdf(points, degrees), degrees) == pytest.approx(points)


@pytest.mark.parametrize("degrees", [1.0, 4.0, 30.0])
def test_f_and_chi_square_are_scipys_and_the_trigamma_turns_back(degrees: float) -> None:
    """What Cochran's test, the range of the noise and limma's prior are made of."""
    points = np.array([0.0, 0.3, 1.0, 6.0])
    assert f_survival(points, degrees, 7.0) == pytest.approx(stats.f.sf(points, degrees, 7.0))
    chances = np.array([0.05, 0.5, 0.9])
    assert chi_square_quantile(chances, degrees) == pytest.approx(stats.chi2.ppf(chances, degrees))
    assert trigamma(trigamma_inverse(degrees)) == pytest.approx(degrees)


@pytest.mark.parametrize("trials", [0, 1, 5, 40])
def test_a_fair_coin_is_scipys_at_both_ends_too(trials: int) -> None:
    successes = np.arange(-1, trials + 2)
    assert binomial_cdf(successes, trials) == pytest.approx(stats.binom.cdf(successes, trials, 0.5))
