"""Cost ratios: is it slower, and by how much at least?"""

import numpy as np
import pytest
from scipy import stats

from bench.stats.ratio import cost_ratio


def test_is_welch_on_logarithms() -> None:
    left, right = [10.0, 12.0, 11.0], [8.0, 8.5, 9.0, 8.2]
    ratio = cost_ratio(left, right)
    test = stats.ttest_ind(np.log(left), np.log(right), equal_var=False)
    low, high = np.exp(test.confidence_interval())
    assert (ratio.low, ratio.high, ratio.p_value) == pytest.approx((low, high, test.pvalue))
    back = cost_ratio(right, left)
    assert (1 / back.high, 1 / back.ratio) == pytest.approx((ratio.low, ratio.ratio))


def test_paired_is_students_t_on_log_differences() -> None:
    left, right = [10.0, 20.0, 30.0], [9.0, 18.5, 27.0]
    ratio = cost_ratio(left, right, paired=True)
    test = stats.ttest_rel(np.log(left), np.log(right))
    assert ratio.p_value == pytest.approx(test.pvalue)


def test_one_run_or_none_has_no_interval() -> None:
    one = cost_ratio([3.0], [2.0])
    assert (one.ratio, one.low, one.p_value) == (pytest.approx(1.5), None, None)
    assert one.reason
    gone = cost_ratio([None, None], [2.0])
    assert (gone.ratio, gone.n_missing) == (None, 2)
    same = cost_ratio([2.0, 2.0], [1.0, 1.0])
    assert (same.ratio, same.low) == (pytest.approx(2.0), None)


def test_a_cost_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        cost_ratio([0.0], [1.0])
    with pytest.raises(ValueError, match="as many"):
        cost_ratio([1.0], [1.0, 2.0], paired=True)
