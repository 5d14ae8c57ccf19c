"""What missing scores leave open: gaps are filled from the other seeds, and the worst cases bound the rest."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.curves.curve import StudentCurve
from bench.stats.estimates.delta import SURVIVED
from bench.stats.estimates.missing import (
    AsScored,
    MissingBounds,
    WorstCase,
    counted_as,
    fill_gaps,
    missing_bounds,
    missing_share,
)
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from bench.stats.samples.sample import Scores, scores


def gappy(values: np.ndarray, present: np.ndarray, **fields: object) -> Scores:
    """Scores of [seeds, examples] without those that are not present."""
    rows = np.where(present, values, 0.0).astype(float)
    return Scores(values=rows, present=present, weights=np.ones(rows.shape[1]), **fields)  # type: ignore[arg-type]


def test_a_gap_is_filled_by_its_seed_and_its_example() -> None:
    """Seed effects -1, 0, 4 and example effects add up exactly, so that every gap is recovered."""
    whole = np.array([[-1.0], [0.0], [4.0]]) + np.array([2.0, 5.0, 7.0, 11.0])
    present = np.array([[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 1]], dtype=bool)
    filled = fill_gaps(np.where(present, whole, 0.0), present, np.array([1.0, 2.0, 1.0, 3.0]))
    assert filled == pytest.approx(whole)
    assert fill_gaps(np.where(present, whole, 0.0), present, np.ones(4), (0.0, 6.0))[2, 0] == pytest.approx(6.0)


def test_seeds_without_a_common_example_keep_their_own_difference() -> None:
    """Copying the one seed's values into the other would show no noise of training at all."""
    present = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=bool)
    filled = fill_gaps(np.array([[1.0, 3.0, 0, 0], [0, 0, 5.0, 7.0]]), present, np.ones(4))
    assert filled.mean(axis=1) == pytest.approx([2.0, 6.0])


def test_five_seeds_that_each_lack_a_random_fifth_use_all_that_they_have() -> None:
    """Complete cases over all seeds would be about 98 of 300 examples."""
    rng = np.random.default_rng(5)
    values = 0.4 + 0.1 * rng.normal(size=(5, 1)) + rng.normal(size=300) + 0.3 * rng.normal(size=(5, 300))
    base = scores([[0.0] * 300], trained=False)
    whole = paired_delta(gappy(values, np.ones((5, 300), bool)), base, seed=0, replicates=400)
    delta = paired_delta(gappy(values, rng.random((5, 300)) > 0.2), base, seed=0, replicates=400)
    assert (delta.n_examples, delta.n_missing, delta.arm_seeds) == (300, 0, 5)
    assert delta.estimate == pytest.approx(whole.estimate, abs=0.03)
    assert delta.standard_error == pytest.approx(whole.standard_error, rel=0.1)
    assert delta.bounds.missing == pytest.approx(0.2, abs=0.03)


def test_wrong_answers_that_were_not_scored_decide_nothing() -> None:
    """Two equal models, half right; 60% of the wrong answers of one have no score. It looks better by 0.2."""
    rng = np.random.default_rng(1)
    right = rng.random((3, 400)) < 0.5
    present = right | (rng.random((3, 400)) > 0.6)
    arm = gappy(right, present, binary=True)
    control = gappy(rng.random((3, 400)) < 0.5, np.ones((3, 400), bool), binary=True)
    delta = paired_delta(arm, control, seed=0, replicates=400)
    assert delta.p_value is not None
    assert delta.p_value < 0.05, "as scored, the arm is better"
    bounds = delta.bounds
    assert bounds.missing == pytest.approx(1 - present.mean())
    truth = right.mean() - control.values.mean()
    assert bounds.lowest == pytest.approx(truth), "each missing score counted as wrong"
    assert bounds.highest == pytest.approx(truth + bounds.missing)
    assert (delta.tested_p, delta.tested_interval) == (1.0, (bounds.low, bounds.high))
    assert bounds.low is not None
    assert bounds.low < 0 < bounds.high
    value = score_interval(arm, seed=0, replicates=400)
    assert (value.bounds.lowest, value.bounds.reference_missing) == (pytest.approx(right.mean()), None)
    assert value.mean > value.bounds.lowest + 0.1


def test_the_references_missing_scores_count_the_other_way() -> None:
    arm, reference = scores([[1, 1, 0, 1]], binary=True), scores([[0, None, 0, None]], binary=True, trained=False)
    delta = paired_delta(arm, reference, seed=0)
    assert (delta.bounds.lowest, delta.bounds.highest) == (0.25, 0.75)
    assert (delta.bounds.missing, delta.bounds.reference_missing) == (0.0, 0.5)
    mirrored = paired_delta(reference, arm, seed=0)
    assert (mirrored.bounds.lowest, mirrored.bounds.highest) == (-0.75, -0.25)


def test_a_score_without_ends_is_bounded_by_those_that_were_seen() -> None:
    delta = paired_delta(scores([[1.0, None, 3.0]]), scores([[0.0, 2.0, -1.0]], trained=False), seed=0)
    assert delta.bounds.scale == (-1.0, 3.0)
    assert (delta.bounds.lowest, delta.bounds.highest) == pytest.approx(((4 - 1 - 1) / 3, (4 + 3 - 1) / 3))


def test_nothing_missing_has_no_bounds_and_a_lost_seed_is_no_missing_score() -> None:
    whole = paired_delta(scores([[1.0, 2.0]]), scores([[0.0, 0.5]], trained=False), seed=0)
    assert (whole.bounds, whole.tested_p) == (None, whole.p_value)
    lost = scores([[1.0, 2.0], [None, None]])
    assert missing_share(lost) == 0.0
    assert counted_as(lost, 9.0).present.tolist() == [[True, True], [False, False]]


def test_a_seed_that_shares_nothing_with_the_reference_leaves_a_lone_survivor() -> None:
    arm = scores([[1.0, 2.0, 3.0, None], [None, None, None, 4.0]])
    delta = paired_delta(arm, scores([[0.0, 0.0, 1.0, None]], trained=False), seed=0)
    assert (delta.arm_seeds, delta.low, delta.reason) == (1, None, SURVIVED["seed"])


def bounds_of(estimate: float, width: float, scored: AsScored) -> MissingBounds:
    """Between two normal worst cases with a standard error of 0.1. width: in standard errors."""

    def case(value: float) -> WorstCase:
        curve = StudentCurve(centre=value, standard_error=0.1, degrees=np.inf)
        return WorstCase(estimate=value, standard_error=0.1, curve=curve, p_value=2 * stats.norm.sf(value / 0.1))

    return missing_bounds(
        case(estimate), case(estimate + 0.1 * width), scored=scored, level=0.95, missing=0.1, reference_missing=0.0,
        scale=(0.0, 1.0),
    )  # fmt: skip


def test_bounds_of_missing_scores_are_never_narrower_than_what_was_scored() -> None:
    """Far inside of wide bounds an error on one side is enough: a difference that was not resolved became so."""
    alone = bounds_of(0.17, 50.0, AsScored(low=None, high=None))
    assert alone.low is not None
    assert alone.low > 0
    scored = bounds_of(0.17, 50.0, AsScored(low=-0.01, high=6.0, p_value=0.06))
    assert (scored.low, scored.high, scored.p_value) == (-0.01, 6.0, 0.06)


@pytest.mark.parametrize("width", [0.0, 0.5, 2.0, 50.0])
def test_the_interval_solves_imbens_and_manskis_equation(width: float) -> None:
    bounds = bounds_of(0.3, width, AsScored(low=None, high=None))
    assert bounds.low is not None
    c = (0.3 - bounds.low) / 0.1
    assert stats.norm.cdf(c + width) - stats.norm.cdf(-c) == pytest.approx(0.95)
    assert bounds.high == pytest.approx(0.3 + 0.1 * (width + c))
    assert bounds.p_value == pytest.approx(1 - stats.norm.cdf(3 + width) + stats.norm.cdf(-3))
