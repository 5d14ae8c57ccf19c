"""Cost ratios: is it slower, and by how much at least?"""

import numpy as np
import pytest
from scipy import stats

from bench.stats.conclusions.claim_types import ClaimQuestion, ClaimRelation
from bench.stats.conclusions.claims import decide, decide_family
from bench.stats.estimates.costs.ratio import cost_ratio
from bench.stats.estimates.power import detectable_effect


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


def test_every_figure_of_a_ratio_by_hand() -> None:
    left, right = [10.0, 12.0, 11.0], [8.0, 8.5, 9.0, 8.2]
    found = cost_ratio(left, right)
    parts = [np.var(np.log(side), ddof=1) / len(side) for side in (left, right)]
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3)
    assert found.ratio == pytest.approx(stats.gmean(left) / stats.gmean(right))
    assert found.degrees == pytest.approx(degrees)
    assert found.log_variance == pytest.approx(3 * sum(parts)), "of one replicate of each side"
    detectable = detectable_effect(0.0, np.inf, seed_error=sum(parts) ** 0.5, seed_degrees=degrees, seeds=3)
    assert found.mde == pytest.approx(np.exp(detectable))
    assert (found.arm_seeds, found.reference_seeds, found.n_missing) == (3, 4, 0)


def test_paired_measurements_of_which_one_is_missing_are_left_out_in_pairs() -> None:
    found = cost_ratio([10.0, None, 30.0, 20.0, 15.0], [9.0, 18.0, 27.5, None, 13.0], paired=True)
    test = stats.ttest_rel(np.log([10.0, 30.0, 15.0]), np.log([9.0, 27.5, 13.0]))
    low, high = np.exp(test.confidence_interval())
    assert (found.low, found.high, found.p_value) == pytest.approx((low, high, test.pvalue))
    assert (found.arm_seeds, found.reference_seeds, found.n_missing, found.degrees) == (3, 3, 4, 2.0)
    alone = cost_ratio([10.0], [9.0], paired=True)
    assert (alone.ratio, alone.low) == (pytest.approx(10 / 9), None)


def test_one_side_that_does_not_vary_leaves_the_others_noise() -> None:
    found = cost_ratio([2.0, 2.0], [1.0, 1.1, 1.2])
    test = stats.ttest_ind(np.log([2.0, 2.0]), np.log([1.0, 1.1, 1.2]), equal_var=False)
    assert found.p_value == pytest.approx(test.pvalue)
    assert cost_ratio([2.0, 2.1], [1.0]).low is None, "one replicate"


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


@pytest.mark.parametrize(
    ("relation", "margin", "outcome"),
    [(">=", 0.0, "refuted"), (">=", 0.25, "supported"), (">", 0.0, "refuted"), ("==", 0.3, "supported")],
)
def test_counts_that_are_the_same_for_every_seed_are_decided_as_they_stand(
    relation: ClaimRelation, margin: float, outcome: str
) -> None:
    """1.25 times the tokens are no estimate: no seed would change it."""
    found = cost_ratio([125, 125, 125], [100, 100, 100], counted=True)
    assert (found.ratio, found.low, found.high) == (pytest.approx(1.25), found.ratio, found.ratio)
    verdict = decide(relation, found, margin=margin, higher_is_better=False)
    assert (verdict.outcome, verdict.p_value) == (outcome, None)


def test_an_exact_claim_does_not_count_in_the_family_of_the_others() -> None:
    exact = ClaimQuestion(relation=">=", comparison=cost_ratio([2], [1], counted=True), higher_is_better=False)
    noisy = ClaimQuestion(
        relation=">=", comparison=cost_ratio([1.0, 1.1, 1.2], [2.0, 2.1, 2.2]), higher_is_better=False
    )
    alone, beside = decide_family([noisy])[0], decide_family([exact, noisy])[1]
    assert alone.adjusted_p == beside.adjusted_p


def test_counts_that_vary_between_seeds_have_an_interval() -> None:
    found = cost_ratio([100, 110, 105], [100, 101, 99], counted=True)
    assert not found.exact
    assert found.low is not None
    assert found.low < 1.05 < (found.high or 0)
