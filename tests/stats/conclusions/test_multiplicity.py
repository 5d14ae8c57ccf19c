"""Without Holm, ten true nulls give a "finding" in four suites of ten."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from bench.stats.conclusions.multiplicity import holm


def test_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_is_statsmodels(size: int) -> None:
    raw = np.random.default_rng(size).uniform(0, 0.3, size)
    assert holm(raw.tolist()) == pytest.approx(multipletests(raw, method="holm")[1])


def test_a_planned_test_without_a_p_value_counts_as_one_that_found_nothing() -> None:
    """Losing an arm's scores made the other arms surer."""
    assert holm([None, 0.02, None, 0.03]) == (None, 0.08, None, 0.09)
    assert holm([1.0, 0.02, 1.0, 0.03]) == (1.0, 0.08, 1.0, 0.09)
    assert holm([]) == ()
    assert holm([None]) == (None,)
