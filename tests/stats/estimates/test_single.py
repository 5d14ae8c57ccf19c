"""The interval beside a subject's own score."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.single import score_interval
from bench.stats.samples.sample import scores


def test_graded_scores_are_the_t_interval_when_few() -> None:
    one = score_interval(scores([[1.0, 2.0, 4.0, 5.0]]), seed=0)
    low, high = stats.ttest_1samp([1, 2, 4, 5], 0).confidence_interval()
    assert (one.mean, one.low, one.high) == pytest.approx((3, low, high))
    assert one.seed_deviation is None


def test_seed_values_and_their_spread_are_told_apart() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 60)) + np.array([[0.0], [1.0], [2.0]])
    one = score_interval(scores(rows.tolist()), seed=0)
    assert one.seed_values == pytest.approx(tuple(rows.mean(axis=1)))
    assert one.seed_deviation == pytest.approx(rows.mean(axis=1).std(ddof=1))
    assert one.noise == "example and training-seed noise"
    assert one.high - one.low > 2  # Student's t with two degrees of freedom


def test_right_or_wrong_over_seeds_stays_between_zero_and_one() -> None:
    one = score_interval(scores([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 0, 1]], binary=True), seed=0)
    assert one.low is not None
    assert 0 <= one.low < one.mean < one.high <= 1
    perfect = score_interval(scores([[1] * 30] * 3, binary=True), seed=0)
    assert perfect.low == pytest.approx(0.025 ** (1 / 30))
    assert perfect.high == pytest.approx(1.0)


def test_skewed_scores_of_a_scale_with_ends_stay_on_it() -> None:
    """Seen: a bootstrap of 22 scores, nearly all 0 or nearly all 1, gave a share of 0.9 an upper bound of 53."""
    rng = np.random.default_rng(0)
    for run in range(60):
        rows = rng.beta(*rng.permutation([0.05, 0.3]), size=(1, 22))
        one = score_interval(scores(rows.tolist(), bounds=(0.0, 1.0)), seed=run, replicates=300)
        assert one.low is None or 0.0 <= one.low <= one.mean <= one.high <= 1.0


def test_a_score_that_could_not_be_made_is_none() -> None:
    one = score_interval(scores([[None, None], [None, None]]), seed=0)
    assert (one.mean, one.low, one.n_missing, one.seeds_failed) == (None, None, 2, 2)
    assert one.reason
    partly = score_interval(scores([[1.0, None, 3.0], [1.0, 2.0, 3.0], [None] * 3]), seed=0)
    assert (partly.mean, partly.n_examples, partly.n_missing, partly.seeds_failed) == (2.0, 3, 0, 1)


def test_the_standard_error_of_a_rate_is_agresti_and_coulls() -> None:
    """13 right of 40: two of each added."""
    one = score_interval(scores([[1] * 13 + [0] * 27], binary=True), seed=0)
    rate = 15 / 44
    assert one.mean == 13 / 40
    assert (one.n_examples, one.n_missing, one.seeds, one.seeds_failed) == (40, 0, 1, 0)
    assert one.standard_error == pytest.approx((rate * (1 - rate) / 44) ** 0.5)


def test_a_task_that_no_seed_scored_leaves_no_value() -> None:
    one = score_interval(scores([[1.0, None, 1.0]], strata=[0, 1, 0]), seed=0)
    assert (one.mean, one.n_examples, one.n_missing) == (None, 2, 1)
