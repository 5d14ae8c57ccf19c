"""Right-or-wrong scores: a wrong interval or p-value here would mislead every accuracy in every report."""

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import xlogy
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from bench.stats.curves.binary import mcnemar_midp, tango_statistic, wilson_bound
from bench.stats.curves.curve import TangoCurve, interval
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from bench.stats.samples.sample import scores


def test_midp_by_hand() -> None:
    # b = 1, c = 5 of 6 coins: 2 * P(X <= 1) - P(X = 1) = 2 * 7/64 - 6/64 = 8/64
    assert mcnemar_midp(1, 5) == pytest.approx(8 / 64)
    assert mcnemar_midp(0, 0) == 1.0
    assert mcnemar_midp(4, 4) == 1.0


@pytest.mark.parametrize(("gained", "lost"), [(0, 1), (3, 9), (9, 3), (12, 30), (7, 8)])
def test_midp_from_the_exact_test_of_statsmodels(gained: int, lost: int) -> None:
    exact = mcnemar([[10, gained], [lost, 10]], exact=True).pvalue
    expected = exact - stats.binom.pmf(min(gained, lost), gained + lost, 0.5)
    assert mcnemar_midp(gained, lost) == pytest.approx(expected)


def test_score_statistic_at_zero_is_mcnemars() -> None:
    chi2 = mcnemar([[10, 14], [5, 10]], exact=False, correction=False).statistic
    assert tango_statistic(14, 5, 39, 0.0) ** 2 == pytest.approx(chi2)


def test_score_statistic_is_the_constrained_likelihood_maximum() -> None:
    """Against a brute-force search of the likelihood under p10 - p01 = delta."""
    gained, lost, pairs, delta = 14, 5, 39, 0.1
    rate = np.linspace(1e-6, (1 - delta) / 2 - 1e-6, 400_001)
    agree = pairs - gained - lost
    likelihood = gained * np.log(rate + delta) + lost * np.log(rate) + agree * np.log(1 - 2 * rate - delta)
    best = rate[likelihood.argmax()]
    expected = (gained - lost - pairs * delta) / np.sqrt(pairs * (2 * best + delta - delta**2))
    assert tango_statistic(gained, lost, pairs, delta) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("gained", "lost", "pairs", "delta"), [(1, 0, 1, 0.5), (0, 1, 2, 0.3), (1, 1, 3, -0.4)])
def test_score_statistic_of_one_to_three_pairs(gained: int, lost: int, pairs: int, delta: float) -> None:
    """Where the discriminant and the variance are below one."""
    lost_rate = np.linspace(max(0.0, -delta), (1 - delta) / 2, 200_001)
    agree = xlogy(pairs - gained - lost, np.maximum(1 - 2 * lost_rate - delta, 0.0))
    best = lost_rate[(xlogy(gained, lost_rate + delta) + xlogy(lost, lost_rate) + agree).argmax()]
    expected = (gained - lost - pairs * delta) / np.sqrt(pairs * (2 * best + delta - delta**2))
    assert tango_statistic(gained, lost, pairs, delta) == pytest.approx(expected, abs=1e-4)


def test_score_statistic_is_zero_where_the_data_are_the_null() -> None:
    assert tango_statistic(5, 5, 30, 0.0) == 0.0
    assert tango_statistic(0, 0, 30, 0.0) == 0.0, "no variance either"


@pytest.mark.parametrize(("gained", "lost", "pairs"), [(0, 1, 44), (14, 5, 39), (40, 20, 160)])
def test_the_score_intervals_ends_are_where_the_score_test_rejects(gained: int, lost: int, pairs: int) -> None:
    """The ends solved for with the constrained likelihood maximised by search, not by the closed form."""

    def statistic(delta: float) -> float:
        def loss(rate: float) -> float:
            agree = pairs - gained - lost
            return -float(xlogy(gained, rate + delta) + xlogy(lost, rate) + xlogy(agree, 1 - 2 * rate - delta))

        box = (max(0.0, -delta), (1 - delta) / 2)
        rate = optimize.minimize_scalar(loss, bounds=box, method="bounded", options={"xatol": 1e-12}).x
        return float((gained - lost - pairs * delta) / np.sqrt(pairs * (2 * rate + delta - delta**2)))

    low, high = interval(TangoCurve(gained=gained, lost=lost, pairs=pairs), 0.95)
    assert (statistic(low), statistic(high)) == pytest.approx((1.959964, -1.959964), abs=1e-4)


def test_all_ties_do_not_make_a_zero_width_interval() -> None:
    delta = paired_delta(scores([[1] * 50], binary=True), scores([[1] * 50], binary=True, trained=False), seed=0)
    assert (delta.estimate, delta.p_value) == (0.0, 1.0)
    # by hand: z = n * d / sqrt(n * d) at no discordant pair → d = z² / (n + z²)
    assert (delta.low, delta.high) == pytest.approx((-3.8415 / 53.8415, 3.8415 / 53.8415), abs=1e-5)


@pytest.mark.parametrize(("right", "size"), [(0, 1), (1, 1), (1, 2), (0, 20), (13, 40), (200, 200)])
def test_wilson_is_statsmodels(right: int, size: int) -> None:
    expected = proportion_confint(right, size, method="wilson")
    assert (wilson_bound(right, size, 0.025), wilson_bound(right, size, 0.975)) == pytest.approx(expected)
    one = score_interval(scores([[1] * right + [0] * (size - right)], binary=True), seed=0)
    assert (one.low, one.high) == pytest.approx(expected)
    assert one.method == "Wilson score interval"


def test_one_pair_has_an_honest_interval() -> None:
    delta = paired_delta(scores([[1]], binary=True), scores([[0]], binary=True, trained=False), seed=0)
    assert delta.estimate == 1.0
    assert delta.low is not None
    assert delta.low < 0.2
    assert delta.high == 1.0
    assert delta.p_value == 0.5  # 2 * P(X <= 0) - P(X = 0) of one coin
