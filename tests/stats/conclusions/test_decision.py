"""Which candidate to take: what a reader loses if a lucky arm is called the best."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.stats.arrays import FloatArray
from bench.stats.conclusions.decision import Candidates, ExampleNoise, _covariances, prospects, true_values


def candidates(
    values: list[float],
    *,
    noise: FloatArray | None = None,
    seed_variance: list[float] | None = None,
    degrees: float = np.inf,
    exchangeable: bool = False,
    pooled: bool = False,
) -> Candidates:
    """noise: [candidates, units] influence of examples."""
    size = len(values)
    examples = () if noise is None else (ExampleNoise(influence=noise, degrees=np.inf, extra=np.zeros(size)),)
    return Candidates(
        values=np.array(values),
        examples=examples,
        seed_variance=np.array(seed_variance or [0.0] * size),
        seed_degrees=np.full(size, degrees),
        rest=np.zeros(size),
        exchangeable=np.full(size, exchangeable),
        pooled=np.full(size, pooled),
    )


def test_probability_and_loss_of_two_with_normal_noise_are_the_closed_form() -> None:
    first, second = prospects(candidates([0.6, 0.5], seed_variance=[0.004, 0.005]), seed=1, draws=200_000)
    assert first.best == pytest.approx(stats.norm.cdf(0.1 / 0.009**0.5), abs=0.004)
    spread, distance = 0.009**0.5, 0.1
    loss = spread * stats.norm.pdf(distance / spread) - distance * stats.norm.cdf(-distance / spread)
    assert first.expected_loss == pytest.approx(loss, abs=0.0005)
    assert second.expected_loss == pytest.approx(loss + distance, abs=0.002)
    assert first.low == pytest.approx(0.6 - 1.96 * 0.004**0.5, abs=0.002)


def test_no_value_is_beyond_the_scale() -> None:
    """Seen: 0.969 [0.934, 1.001], of shares of right answers."""
    near = candidates([0.97, 0.02], seed_variance=[0.001, 0.001])
    free, bounded = prospects(near, seed=1), prospects(replace(near, support=(0.0, 1.0)), seed=1)
    assert (free[0].high > 1.0, free[1].low < 0.0) == (True, True)
    assert (bounded[0].high, bounded[1].low) == (1.0, 0.0)
    assert (bounded[0].low, bounded[1].high) == (free[0].low, free[1].high)
    assert bounded[0].best == free[0].best


@pytest.mark.parametrize("failed", [[0.2], [0.2, -3.0], [0.2, 0.21]])
def test_an_arm_that_failed_does_not_make_the_best_of_the_others_surer(failed: list[float]) -> None:
    """Seen: beside one arm far below, the arm that was called the best with 98% was it in 92% of 284 suites."""
    values = [0.56, 0.50, 0.51, 0.49, 0.52]

    def best_of(given: list[float]) -> float:
        size = len(given)
        return prospects(
            candidates(given, seed_variance=[0.0005] * size, degrees=10.0, exchangeable=True), seed=1, draws=40_000
        )[0].best

    assert best_of(values + failed) == pytest.approx(best_of(values), abs=0.02)
    assert best_of(values) < 0.9


def test_an_arm_far_above_is_corrected_with_the_others() -> None:
    values = [0.7, 0.50, 0.51, 0.49, 0.52]
    (first, *_) = prospects(
        candidates(values, seed_variance=[0.0005] * 5, degrees=10.0, exchangeable=True), seed=1, draws=20_000
    )
    assert first.corrected < 0.7


def test_few_seeds_give_students_t_not_the_normal() -> None:
    """Two degrees of freedom: 97% by the normal distribution are 90%."""
    first, _ = prospects(candidates([0.2, 0.0], seed_variance=[0.01, 0.0], degrees=2.0), seed=1, draws=200_000)
    assert first.best == pytest.approx(stats.t.cdf(2.0, 2), abs=0.015)


def test_noise_of_shared_examples_cancels_between_candidates() -> None:
    """Two arms that are right on the same questions differ by less than two that are not."""
    shared = np.full((2, 4), 0.05)
    apart = np.array([[0.05] * 4 + [0.0] * 4, [0.0] * 4 + [0.05] * 4])
    sure, unsure = (prospects(candidates([0.55, 0.5], noise=noise), seed=1)[0] for noise in (shared, apart))
    assert sure.best == 1.0
    assert unsure.best == pytest.approx(stats.norm.cdf(0.05 / 0.02**0.5), abs=0.01)
    assert sure.high - sure.low == pytest.approx(2 * 1.96 * 0.1, abs=0.01)


def test_the_winner_of_equal_arms_shrinks_most_of_the_way() -> None:
    generator = np.random.default_rng(0)
    values = sorted(0.5 + 0.05 * generator.normal(size=12))
    table = prospects(candidates(values, seed_variance=[0.05**2] * 12, exchangeable=True), seed=1)
    mean = float(np.mean(values))
    assert 0 < table[-1].corrected - mean < 0.6 * (values[-1] - mean)
    assert table[0].corrected > values[0]
    assert table[-1].best < 0.6


def test_arms_that_are_far_apart_hardly_shrink() -> None:
    values = [0.1, 0.4, 0.7, 0.9]
    table = prospects(candidates(values, seed_variance=[0.01**2] * 4, exchangeable=True), seed=1)
    assert [row.corrected for row in table] == pytest.approx(values, abs=0.002)
    assert table[-1].best == 1.0


def test_one_estimate_of_all_seeds_is_wrong_for_all_by_the_same_factor() -> None:
    """With a factor for each candidate, the noise of all together seemed far better known than it is."""
    several = {"seed_variance": [1.0] * 6, "degrees": 4.0}
    for pooled, same in ((True, True), (False, False)):
        covariances = _covariances(candidates([0.0] * 6, pooled=pooled, **several), 50, np.random.default_rng(0))
        noise = np.einsum("skk->sk", covariances)
        assert bool(np.all(noise == noise[:, :1])) is same
        assert np.unique(noise[:, 0]).size == 50


def test_what_examples_and_seeds_share_is_taken_out_once() -> None:
    """Taken from the examples alone, it left eigenvalues below zero, and their repair was noise that nobody has."""
    generator = np.random.default_rng(1)
    influence = generator.normal(size=(20, 400)) / 400
    known = np.full(20, 400 / 400**2)
    measured = replace(candidates([0.0] * 20, noise=influence, seed_variance=(2 * known).tolist()), rest=known / 2)
    found = _covariances(measured, 1, np.random.default_rng(0))[0]
    assert found == pytest.approx(influence @ influence.T + np.diag(1.5 * known))


def test_a_base_neither_shrinks_nor_pulls() -> None:
    arms = candidates([0.70, 0.72, 0.74], seed_variance=[0.01**2] * 3, exchangeable=True)
    beside = Candidates(
        values=np.array([0.0, *arms.values]),
        examples=(),
        seed_variance=np.array([0.01**2, *arms.seed_variance]),
        seed_degrees=np.full(4, np.inf),
        rest=np.zeros(4),
        exchangeable=np.array([False, True, True, True]),
        pooled=np.zeros(4, dtype=np.bool_),
    )
    alone, together = prospects(arms, seed=1, draws=100_000), prospects(beside, seed=1, draws=100_000)
    assert together[0].corrected == pytest.approx(0.0, abs=0.001)
    for row, other in zip(alone, together[1:], strict=True):
        assert other.corrected == pytest.approx(row.corrected, abs=0.001)
        assert other.best == pytest.approx(row.best, abs=0.02)


def test_a_base_that_shares_examples_with_the_arms_moves_with_them() -> None:
    """The difference from the base is as sure as the examples that only one side has right make it."""
    noise = np.full((3, 4), 0.05)
    shared = candidates([0.5, 0.6, 0.61], noise=noise)
    truths = true_values(replace(shared, exchangeable=np.array([False, True, True])), seed=1)
    assert np.std(truths[:, 1] - truths[:, 0]) < 0.01
    assert np.std(truths[:, 0]) == pytest.approx(0.1, abs=0.005)


def test_tolerance_makes_a_near_tie_a_decision() -> None:
    near = candidates([0.600, 0.599], seed_variance=[1e-4, 1e-4])
    strict, lax = (prospects(near, seed=1, tolerance=tolerance)[0] for tolerance in (0.0, 0.05))
    assert strict.near_best == pytest.approx(strict.best)
    assert strict.best < 0.6
    assert lax.near_best > 0.99
    assert lax.best == strict.best


def test_equal_values_without_noise_share_the_first_place() -> None:
    table = prospects(candidates([0.5, 0.5, 0.2]), seed=1)
    assert [row.best for row in table] == [0.5, 0.5, 0.0]
    assert [row.expected_loss for row in table] == pytest.approx([0.0, 0.0, 0.3])


def test_one_arm_alone_is_its_own_measure() -> None:
    (row,) = prospects(candidates([0.4], seed_variance=[0.01**2], exchangeable=True), seed=1)
    assert row.corrected == pytest.approx(0.4, abs=0.001)
    assert row.high - row.low == pytest.approx(2 * 1.96 * 0.01, abs=0.002)
    assert row.best == 1.0


def test_many_candidates_stay_fast() -> None:
    """200 arms are read in a report, not waited for."""
    generator = np.random.default_rng(0)
    values = list(0.5 + 0.1 * generator.normal(size=200))
    noise = 0.001 * generator.normal(size=(200, 300))
    table = prospects(
        candidates(values, noise=noise, seed_variance=[1e-4] * 200, degrees=2.0, exchangeable=True), seed=1
    )
    assert sum(row.best for row in table) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_table() -> None:
    arms = candidates([0.5, 0.52, 0.54], seed_variance=[1e-3] * 3, degrees=2.0, exchangeable=True)
    assert prospects(arms, seed=3) == prospects(arms, seed=3)
