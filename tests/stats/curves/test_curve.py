"""Confidence curves: an interval's ends and the p-value of a threshold must tell the same story."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.curves.curve import (
    GRID,
    Curve,
    DrawsCurve,
    SeedCurve,
    StudentCurve,
    TangoCurve,
    TiedCurve,
    WiderCurve,
    WilsonCurve,
    interval,
    two_sided_p,
)

NARROW = StudentCurve(centre=0.1, standard_error=0.1, degrees=9)
WIDE = StudentCurve(centre=0.2, standard_error=0.3, degrees=30)
SEEDS = SeedCurve(values=stats.norm.ppf((np.arange(GRID) + 0.5) / GRID) * 0.2, seed_error=0.1, seed_degrees=2)
CURVES: dict[str, Curve] = {
    "student": NARROW,
    "draws": DrawsCurve(values=np.sort(np.random.default_rng(0).normal(size=999))),
    "tied": TiedCurve(estimate=0.2, units=20, below=0.2, above=0.8),
    "seeds": SEEDS,
    "tango": TangoCurve(gained=9, lost=4, pairs=40),
    "wilson": WilsonCurve(successes=13, trials=40),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_quantile_is_the_inverse_of_the_curve(name: str) -> None:
    curve = CURVES[name]
    chances = np.array([0.01, 0.025, 0.3, 0.5, 0.7, 0.975, 0.99])
    values = curve.quantile(chances)
    assert np.all(np.diff(values) > 0)
    assert [curve.cdf(float(value)) for value in values] == pytest.approx(chances, abs=1e-6)
    low, high = interval(curve, 0.95)
    assert (low, high) == pytest.approx((values[1], values[5]))
    assert two_sided_p(curve, low) == pytest.approx(two_sided_p(curve, high)) == pytest.approx(0.05, abs=1e-6)


def test_draws_cannot_show_less_than_one_in_one_more_than_they_are() -> None:
    curve = DrawsCurve(values=np.arange(9.0))
    assert (curve.cdf(-1.0), curve.cdf(0.0), curve.cdf(4.0), curve.cdf(8.0), curve.cdf(9.0)) == pytest.approx(
        (0.1, 0.1, 0.5, 0.9, 0.9)
    )


def test_the_wider_of_two_curves_on_each_side() -> None:
    curve = WiderCurve(first=NARROW, second=WIDE)
    assert curve.quantile(0.025) == WIDE.quantile(0.025)
    assert curve.quantile(0.975) == WIDE.quantile(0.975)
    assert curve.quantile(0.5) == pytest.approx(0.15), "between their centres"
    crossed = WiderCurve(first=WIDE, second=NARROW)
    assert crossed.cdf(-0.3) == WIDE.cdf(-0.3) > NARROW.cdf(-0.3)
    assert crossed.cdf(0.8) == WIDE.cdf(0.8) < NARROW.cdf(0.8)
    assert crossed.cdf(0.15) == 0.5, "above one centre and below the other"


def test_ties_are_bounded_by_how_often_another_value_could_be_unseen() -> None:
    curve = CURVES["tied"]
    assert curve.cdf(0.2) == 0.5
    assert curve.cdf(0.3) == pytest.approx(1 - (1 - 0.1 / 0.8) ** 20)
    assert curve.cdf(0.1) == pytest.approx((1 - 0.1 / 0.2) ** 20)
    assert curve.cdf(0.201) == 0.5, "near the estimate nothing is known"
    assert (curve.cdf(1.0), curve.cdf(1.1), curve.cdf(0.0), curve.cdf(-0.1)) == (1.0, 1.0, 0.0, 0.0)
    assert curve.quantile(0.5) == 0.2


def test_seed_noise_is_added_to_the_examples() -> None:
    """The mean of Student's curve over the examples' quantiles."""
    expected = np.mean(stats.t.cdf((0.3 - SEEDS.values) / 0.1, 2))
    assert SEEDS.cdf(0.3) == pytest.approx(expected)
    skewed = SeedCurve(values=SEEDS.values**3, seed_error=1e-3, seed_degrees=2)
    assert skewed.cdf(float(skewed.quantile(0.975))) == pytest.approx(0.975, abs=1e-6)


@pytest.mark.parametrize(
    "curve",
    [
        StudentCurve(centre=0.9, standard_error=0.2, degrees=5, support=(0.0, 1.0)),
        SeedCurve(values=SEEDS.values + 0.9, seed_error=0.1, seed_degrees=2, support=(0.0, 1.0)),
        WilsonCurve(successes=38, trials=40),
    ],
)
def test_no_curve_leaves_the_possible_values(curve: Curve) -> None:
    assert (curve.cdf(-0.1), curve.cdf(0.0), curve.cdf(1.0), curve.cdf(1.1)) == (0.0, 0.0, 1.0, 1.0)
    low, high = interval(curve, 0.9999)
    assert 0.0 <= low < high <= 1.0


def test_all_gained_is_bounded_by_one() -> None:
    low, high = interval(TangoCurve(gained=12, lost=0, pairs=12), 0.95)
    assert high == 1.0
    assert 0 < low < 1
    assert interval(TangoCurve(gained=0, lost=12, pairs=12), 0.95) == pytest.approx((-1.0, -low))
