"""Several looks at growing data: without correction three to ten seeds with a look at each find one false effect in
seven."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.conclusions.sequential import nominal_levels, sequential_p, spent

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize(
    ("spending", "bounds"),
    [("obrien_fleming", (4.877, 3.357, 2.680, 2.290, 2.031)), ("pocock", (2.438, 2.427, 2.410, 2.397, 2.386))],
)
def test_bounds_are_the_published_ones(spending: str, bounds: tuple[float, ...]) -> None:
    """Lan & DeMets' bounds for five equal looks at 5%, as the R package ldbounds gives them."""
    levels = nominal_levels(FIVE, 0.05, spending)  # type: ignore[arg-type]
    assert -stats.norm.ppf(np.array(levels) / 2) == pytest.approx(bounds, abs=0.002)


def test_all_error_is_spent_at_the_end_and_none_before_the_start() -> None:
    for spending in ("obrien_fleming", "pocock"):
        assert spent(1.0, 0.05, spending) == pytest.approx(0.05)
        assert spent(1e-9, 0.05, spending) == pytest.approx(0.0, abs=1e-6)


def test_one_look_at_the_end_needs_no_correction() -> None:
    assert sequential_p(0.03, (1.0,), "pocock") == pytest.approx(0.03, rel=1e-3)
    assert sequential_p(0.03, (1.0,), "obrien_fleming") == pytest.approx(0.03, rel=1e-3)


def test_a_p_value_on_the_bound_is_worth_five_percent() -> None:
    levels = nominal_levels(FIVE[:3], 0.05, "pocock")
    assert sequential_p(levels[-1], FIVE[:3], "pocock") == pytest.approx(0.05, rel=0.02)


def test_more_looks_never_make_a_p_value_smaller() -> None:
    alone = sequential_p(0.02, (1.0,), "pocock")
    after = sequential_p(0.02, (0.5, 1.0), "pocock")
    often = sequential_p(0.02, FIVE, "pocock")
    assert alone < after < often
    assert sequential_p(0.99, FIVE, "pocock") >= 0.99
    assert sequential_p(1.0, FIVE, "pocock") == 1.0


def test_brownian_motion_crosses_as_often_as_promised() -> None:
    generator = np.random.default_rng(0)
    steps = generator.normal(size=(200_000, 5)) * 0.2**0.5
    paths = steps.cumsum(axis=1) / np.sqrt(FIVE)
    for spending in ("obrien_fleming", "pocock"):
        levels = np.array(nominal_levels(FIVE, 0.05, spending))
        crossed = (2 * stats.norm.sf(np.abs(paths)) <= levels).any(axis=1).mean()
        assert crossed == pytest.approx(0.05, abs=0.002)
        fixed = (2 * stats.norm.sf(np.abs(paths)) <= 0.05).any(axis=1).mean()
        assert fixed > 0.13


def test_fractions_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="rise"):
        nominal_levels((0.5, 0.5), 0.05, "pocock")
