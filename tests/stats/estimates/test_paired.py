"""Paired deltas: what a reader takes from every table of the report."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.power import detectable_effect
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import scores
from tests.stats.estimates.paired_scores import matrix, sound


def test_by_hand() -> None:
    """Five differences 1, 2, 3, 4, 5: mean 3, standard error sqrt(0.5), t with 4 degrees of freedom."""
    delta = paired_delta(matrix([2, 4, 6, 8, 10]), matrix([1, 2, 3, 4, 5], trained=False), seed=0)
    test = stats.ttest_1samp([1, 2, 3, 4, 5], 0)
    low, high = test.confidence_interval()
    assert (delta.estimate, delta.low, delta.high) == pytest.approx((3, low, high))
    assert delta.p_value == pytest.approx(test.pvalue)
    assert (delta.arm_mean, delta.reference_mean, delta.n_better, delta.n_worse) == (6, 3, 5, 0)
    assert delta.noise == "example noise only"


def test_weights_make_a_corpus_value() -> None:
    """A loss per token is the sum over tokens, not the mean of the rows' means."""
    delta = paired_delta(
        matrix([2, 1], weights=np.array([3.0, 1.0])), matrix([1, 1], weights=np.array([3.0, 1.0])), seed=0
    )
    assert delta.estimate == pytest.approx(0.75)


def test_strata_are_macro_averaged() -> None:
    """A task with many examples must not drown one with few."""
    delta = paired_delta(
        matrix([1, 1, 1, 1, 0, 0], strata=np.array([0, 0, 0, 0, 1, 1])),
        matrix(np.zeros(6), strata=np.array([0, 0, 0, 0, 1, 1])),
        seed=0,
    )
    assert delta.estimate == pytest.approx(0.5)


def test_large_samples_agree_with_the_t_interval() -> None:
    difference = np.random.default_rng(3).normal(0.2, 1, 2_000)
    delta = paired_delta(matrix(difference), matrix(np.zeros(2_000), trained=False), seed=0)
    low, high = stats.ttest_1samp(difference, 0).confidence_interval()
    assert (delta.low, delta.high) == pytest.approx((low, high), abs=0.002)


def test_missing_scores_are_dropped_in_pairs_and_counted() -> None:
    delta = paired_delta(scores([[1.0, None, 3.0, 9.0]]), scores([[0.0, 0.0, 1.0, None]], trained=False), seed=0)
    assert (delta.estimate, delta.n_examples, delta.n_missing) == (1.5, 2, 2)
    sound(delta)


def test_a_failed_replicate_does_not_take_the_others_with_it() -> None:
    delta = paired_delta(scores([[1.0, 2.0], [None, None]]), scores([[0.0, 0.0]], trained=False), seed=0)
    assert (delta.estimate, delta.arm_seeds, delta.seeds_failed, delta.n_missing) == (1.5, 1, 1, 0)


def test_every_failed_replicate_of_both_sides_is_counted() -> None:
    arm, reference = scores([[1.0, 2.0], [None, None], [None, None]]), scores([[None, None], [0.0, 0.5], [0.0, 0.0]])
    delta = paired_delta(arm, reference, seed=0)
    assert (delta.arm_seeds, delta.reference_seeds, delta.seeds_failed) == (1, 2, 3)


def test_a_lone_seed_beside_several_decides_nothing() -> None:
    """Its noise is unknown, and that of other arms is no evidence of it: a noisy one had intervals that covered 45%."""
    values = np.random.default_rng(0).normal(size=(5, 30))
    prior = seed_prior_of([matrix(np.random.default_rng(arm).normal(size=(3, 30))) for arm in range(6)])
    assert prior is not None
    for sides in ((values[:3], values[3:4]), (values[3:4], values[:3])):
        lone = paired_delta(*(matrix(side) for side in sides), seed=0, prior=prior)
        assert (lone.low, lone.high, lone.p_value, lone.curve, lone.repeated) == (None, None, None, None, False)
        assert lone.estimate == pytest.approx(sides[0].mean() - sides[1].mean())
        assert lone.reason is not None
        assert "single training" in lone.reason
    two = paired_delta(matrix(values[:3]), matrix(values[3:]), seed=0)
    assert (two.noise, two.repeated) == ("example and training-seed noise", True)


def test_the_standard_error_of_flips_is_bonetts() -> None:
    """6 gained, 2 lost of 50: one of each added."""
    arm = scores([[1] * 6 + [0] * 44], binary=True)
    base = scores([[0] * 6 + [1] * 2 + [0] * 42], binary=True, trained=False)
    delta = paired_delta(arm, base, seed=0)
    assert (delta.estimate, delta.n_better, delta.n_worse) == (pytest.approx(0.08), 6, 2)
    assert delta.standard_error == pytest.approx(((10 / 52 - (4 / 52) ** 2) / 52) ** 0.5)
    assert delta.mde == pytest.approx((1.959964 + 0.841621) * delta.standard_error, rel=1e-5)


def test_where_all_agree_the_wider_arm_of_the_bound_could_have_been_seen() -> None:
    delta = paired_delta(matrix(np.full(20, 2.0), bounds=(0, 2)), matrix(np.full(20, 1.0), bounds=(0, 2)), seed=0)
    assert delta.standard_error is None
    assert delta.mde == pytest.approx(3 * (1 - 0.025 ** (1 / 20)))


def test_seeds_that_are_all_right_bound_what_was_not_seen_by_the_range() -> None:
    """30 examples, three seeds right on all, the base on none: a delta lies between -1 and 1."""
    delta = paired_delta(scores([[1] * 30] * 3, binary=True), scores([[0] * 30], binary=True, trained=False), seed=0)
    assert (delta.low, delta.high) == pytest.approx((1 - 2 * (1 - 0.025 ** (1 / 30)), 1.0))


def test_the_detectable_effect_is_that_of_the_parts_of_the_standard_error() -> None:
    values = np.random.default_rng(9).normal(size=(3, 50)) + np.random.default_rng(10).normal(size=(3, 1))
    delta = paired_delta(matrix(values), matrix(np.zeros(50), trained=False), seed=0)
    parts = delta.components
    assert delta.mde == pytest.approx(
        detectable_effect(
            parts.example**0.5,
            parts.example_degrees,
            seed_error=(delta.standard_error**2 - parts.example) ** 0.5,
            seed_degrees=parts.seed_degrees,
            seeds=3,
        )
    )
    few = paired_delta(matrix([2, 4, 6, 8, 10]), matrix([1, 2, 3, 4, 5], trained=False), seed=0)
    assert few.mde == pytest.approx(detectable_effect(0.5**0.5, 4))


def test_nothing_right_detects_no_less_than_its_interval_leaves_open() -> None:
    """Seen: 0 of 200 right with three seeds and with the base, interval ±0.037, "detectable: 0.001", from the seeds of
    other arms alone."""
    rng = np.random.default_rng(3)
    levels = np.array([[0.1], [0.2], [0.4]])
    others = [scores((rng.random((3, 200)) < part * levels).tolist(), binary=True) for part in (0.5, 1.0, 1.5)]
    silent, base = scores([[0] * 200] * 3, binary=True), scores([[0] * 200], binary=True, trained=False)
    prior = seed_prior_of((silent, *others))
    assert prior.usable
    delta = paired_delta(silent, base, seed=0, prior=prior)
    assert delta.mde >= delta.high >= 1 - 0.025 ** (1 / 200)


def test_nothing_in_common_is_none_with_a_reason() -> None:
    for arm in (scores([[None, None]]), scores([[]])):
        delta = paired_delta(arm, dataclasses.replace(arm, trained=False), seed=0)
        assert (delta.estimate, delta.n_examples) == (None, 0)
        assert (delta.n_better, delta.n_worse, delta.n_clusters, delta.n_missing) == (0, 0, 0, arm.n_examples)
        sound(delta)


def test_a_task_without_any_pair_is_not_silently_left_out_of_the_average() -> None:
    arm = scores([[1.0, None, 1.0]], strata=[0, 1, 0])
    delta = paired_delta(arm, scores([[0.0, 0.0, 0.0]], strata=[0, 1, 0]), seed=0)
    assert delta.estimate is None
    assert "task" in str(delta.reason)


def test_one_example_has_no_interval_and_two_have_a_wide_one() -> None:
    one = paired_delta(matrix([1.5]), matrix([1.0], trained=False), seed=0)
    two = paired_delta(matrix([1.5, 2.5]), matrix([1.0, 1.0], trained=False), seed=0)
    assert (one.estimate, one.low, one.high) == (0.5, None, None)
    assert two.high - two.low > 12
    sound(one)
    sound(two)


def test_ties_of_graded_scores_are_bounded_by_what_was_not_seen() -> None:
    """Twenty times one point better on a scale from 0 to 2 is not a certain one point."""
    delta = paired_delta(matrix(np.full(20, 2.0), bounds=(0, 2)), matrix(np.full(20, 1.0), bounds=(0, 2)), seed=0)
    unseen = 1 - 0.025 ** (1 / 20)
    assert (delta.low, delta.high) == pytest.approx((1 - 3 * unseen, 1 + unseen))
    sound(delta)


def test_scores_that_never_vary_have_no_interval() -> None:
    delta = paired_delta(matrix(np.full(20, 0.3)), matrix(np.full(20, 0.3), trained=False), seed=0)
    assert (delta.estimate, delta.low) == (0.0, None)
    sound(delta)


def test_few_flips_in_many_graded_examples_are_not_taken_for_none() -> None:
    values = np.zeros(300)
    values[:2] = 1.0
    values[2:4] = 0.5
    delta = paired_delta(matrix(values), matrix(np.zeros(300), trained=False), seed=0)
    naive = 1.96 * values.std() / 300**0.5
    assert delta.high > delta.estimate + naive
    sound(delta)


def test_copies_of_an_example_in_one_cluster_add_nothing() -> None:
    difference = np.random.default_rng(5).normal(size=30)
    alone = paired_delta(matrix(difference), matrix(np.zeros(30)), seed=0)
    clusters = np.repeat(np.arange(30), 4)
    copied = paired_delta(
        matrix(np.repeat(difference, 4), clusters=clusters), matrix(np.zeros(120), clusters=clusters), seed=0
    )
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert (copied.n_examples, copied.n_clusters) == (120, 30)


def test_seeds_only_noise_is_students_t_over_seeds() -> None:
    """With no example noise the interval must be the textbook one over three runs, not a bootstrap of three."""
    means = np.array([0.1, 0.2, 0.45])
    ripple = np.tile([1e-9, -1e-9], 100)
    delta = paired_delta(matrix(means[:, None] + ripple), matrix(np.zeros(200), trained=False), seed=0)
    low, high = stats.ttest_1samp(means, 0).confidence_interval()
    assert (delta.low, delta.high) == pytest.approx((low, high), rel=1e-3)
    assert delta.noise == "example and training-seed noise"
    assert delta.components.seed == pytest.approx(means.var(ddof=1))


def test_noise_of_a_seed_on_an_example_is_counted_once() -> None:
    """By hand: Var = (MS_seed + MS_example - MS_rest) / (seeds * examples)."""
    values = np.random.default_rng(9).normal(size=(4, 50)) + np.random.default_rng(10).normal(size=50)
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    ms_seed, ms_example = 50 * values.mean(axis=1).var(ddof=1), 4 * values.mean(axis=0).var(ddof=1)
    ms_rest = (rest**2).sum() / (3 * 49)
    delta = paired_delta(matrix(values), matrix(np.zeros(50), trained=False), seed=0)
    assert delta.standard_error == pytest.approx(((ms_seed + ms_example - ms_rest) / 200) ** 0.5)


def test_seeds_of_both_sides_are_welchs() -> None:
    left, right = np.array([0.1, 0.2, 0.45]), np.array([0.0, 0.05, 0.02, 0.1])
    ripple = np.tile([1e-9, -1e-9], 100)
    delta = paired_delta(matrix(left[:, None] + ripple), matrix(right[:, None] - ripple), seed=0)
    low, high = stats.ttest_ind(left, right, equal_var=False).confidence_interval()
    assert (delta.low, delta.high) == pytest.approx((low, high), rel=1e-3)


def test_seeds_of_one_subset_draw_count_as_one() -> None:
    """Six trainings on two draws know the draws' noise from two, not six, values."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(6, 100)) * 0.1 + np.repeat([[0.0], [1.0]], 3, axis=0)
    base = matrix(np.zeros(100), trained=False)
    pooled = paired_delta(matrix(values), base, seed=0)
    drawn = paired_delta(matrix(values, draws=np.array([0, 0, 0, 1, 1, 1])), base, seed=0)
    assert drawn.estimate == pytest.approx(pooled.estimate)
    assert drawn.high - drawn.low > 3 * (pooled.high - pooled.low)


def test_unlike_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="must share"):
        paired_delta(matrix([1, 2]), matrix([1, 2], weights=np.array([1.0, 2.0])), seed=0)
    with pytest.raises(ValueError, match="must share"):
        paired_delta(matrix([1, 2]), matrix([1, 2, 3]), seed=0)


def test_not_a_number_does_not_get_in() -> None:
    with pytest.raises(ValueError, match="not finite"):
        scores([[1.0, float("nan")]])
    with pytest.raises(ValueError, match="0 or 1"):
        scores([[0.5]], binary=True)
