"""Differences taken seed by seed: what equal seeds share cancels, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.seed_pairs import by_seed, pair_prior, seed_differences
from bench.stats.samples.sample import Scores

SEEDS, EXAMPLES = 3, 80


def scores(values: np.ndarray, **fields: object) -> Scores:
    present = np.ones(values.shape, dtype=bool)
    return Scores(values=values, present=present, weights=np.ones(values.shape[1]), **fields)  # type: ignore[arg-type]


def pair(rng: np.random.Generator, effect: float = 0.5) -> tuple[Scores, Scores]:
    example = rng.normal(size=EXAMPLES)
    first, second = (
        shift + example + 0.3 * rng.normal(size=(SEEDS, 1)) + 0.5 * rng.normal(size=(SEEDS, EXAMPLES))
        for shift in (effect, 0.0)
    )
    return scores(first), scores(second)


def delta_by_seed(arm: Scores, reference: Scores, **options: object) -> Delta:
    return paired_delta(arm, reference, seed=0, pairing=by_seed, **options)  # type: ignore[arg-type]


def test_what_both_trainings_of_a_seed_share_cancels() -> None:
    arm, reference = pair(np.random.default_rng(0))
    shared = 5.0 * np.random.default_rng(1).normal(size=(SEEDS, 1))
    moved = [replace(side, values=side.values + shared) for side in (arm, reference)]
    plain, paired = delta_by_seed(arm, reference), delta_by_seed(*moved)
    assert (paired.low, paired.high, paired.p_value) == pytest.approx((plain.low, plain.high, plain.p_value))
    assert paired.reference_mean == pytest.approx(moved[1].values.mean())
    assert paired.arm_mean == pytest.approx(moved[0].values.mean())
    independent = paired_delta(*moved, seed=0)
    assert independent.low < paired.low < paired.high < independent.high
    assert paired.method.startswith("paired by seed")
    assert paired.noise == "example and training-seed noise, paired by seed"
    assert (paired.arm_seeds, paired.reference_seeds, paired.repeated) == (SEEDS, SEEDS, True)


def test_with_seed_noise_alone_it_is_students_paired_t() -> None:
    """scipy's interval of the seeds' differences."""
    rng = np.random.default_rng(2)
    example = 1e-6 * rng.normal(size=EXAMPLES)
    sides = [scores(example + rng.normal(size=(5, 1)) + 1e-6 * rng.normal(size=(5, EXAMPLES))) for _ in range(2)]
    delta = delta_by_seed(*sides, replicates=100)
    test = stats.ttest_rel(sides[0].values.mean(axis=1), sides[1].values.mean(axis=1))
    interval = test.confidence_interval(0.95)
    assert (delta.low, delta.high) == pytest.approx((interval.low, interval.high), rel=0.01)
    assert delta.p_value == pytest.approx(test.pvalue, rel=0.01)


def test_turned_round_it_is_negated_and_a_seed_that_either_side_lacks_is_lost_to_both() -> None:
    arm, reference = pair(np.random.default_rng(3))
    present = arm.present.copy()
    present[0] = False
    short = replace(arm, present=present, values=np.where(present, arm.values, 0.0))
    delta, turned = delta_by_seed(short, reference), delta_by_seed(reference, short)
    assert delta.estimate == pytest.approx(-turned.estimate)
    assert delta.estimate == pytest.approx((arm.values - reference.values)[1:].mean())
    assert (delta.arm_seeds, delta.reference_seeds, delta.seeds_failed) == (2, 2, 1)
    present[1] = False
    lone = delta_by_seed(replace(short, present=present), reference)
    assert (lone.low, lone.p_value) == (None, None)


def test_missing_scores_are_bounded_by_the_ends_of_their_own_scale() -> None:
    """A missing right answer is worth one at most, whatever the differences could be."""
    rng = np.random.default_rng(4)
    right = [(rng.random((SEEDS, EXAMPLES)) < 0.5).astype(float) for _ in range(2)]
    arm, reference = (scores(values, binary=True) for values in right)
    present = arm.present.copy()
    present[:, :8] = False
    lacking = replace(arm, present=present, values=np.where(present, arm.values, 0.0))
    bounds = delta_by_seed(lacking, reference).bounds
    assert bounds.highest - bounds.lowest == pytest.approx(0.1)
    assert (bounds.missing, bounds.reference_missing) == (pytest.approx(0.1), 0.0)


def test_pairs_say_together_how_noisy_their_differences_are() -> None:
    rng = np.random.default_rng(5)
    groups = [pair(rng) for _ in range(3)]
    prior = pair_prior(groups)
    assert (prior.arms, prior.pooled_degrees) == (3, 6)
    delta = delta_by_seed(*groups[0], prior=prior)
    assert delta.components.seed_degrees > SEEDS - 1
    assert "moderated over 3 pairs of arms, paired by seed" in delta.noise
    assert pair_prior([(*groups[0], groups[1][0]), groups[2]]).pooled_degrees == 6, "three arms: two differences"


@pytest.mark.parametrize(("draws", "kept"), [([0, 1, 2], False), ([0, 0, 1], True)])
def test_a_draw_of_each_seed_cancels_with_it_and_several_seeds_of_a_draw_stay_one(draws: list[int], kept: bool) -> None:
    arm, reference = pair(np.random.default_rng(6))
    sides = [replace(side, draws=np.array(draws)) for side in (arm, reference)]
    assert (seed_differences(*sides).draws is not None) is kept
