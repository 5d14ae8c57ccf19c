"""The rate at equal length: equal to a plain fit, near one half for a judge of lengths, silent where it cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import t

from bench.stats.distributions import FloatArray
from bench.stats.length_control import ALONE, PRIOR_DEVIATIONS, fit, length_controlled


def judged(seed: int, size: int, *, quality: float, effect: float, longer_by: float = 30) -> tuple[FloatArray, ...]:
    """Wins and differences of length of one seed, from the model itself."""
    rng = np.random.default_rng(seed)
    differences = rng.normal(longer_by, 60, size=(1, size))
    chance = 1 / (1 + np.exp(-(quality + effect * np.tanh(differences / 60))))
    return (rng.random((1, size)) < chance).astype(np.float64), differences


@pytest.mark.parametrize("lengths_alone", [False, True])
def test_the_fit_is_the_maximum_that_scipy_finds(lengths_alone: bool) -> None:
    """Also where a judge goes by length alone and nothing but the priors holds the fit."""
    wins, differences = judged(0, 200, quality=0.3, effect=1.2)
    if lengths_alone:
        wins = (differences > 0).astype(np.float64)
    x = np.tanh(differences[0] / differences[0].std())

    def loss(point: FloatArray) -> float:
        z = point[0] + point[1] * x
        return float(np.logaddexp(0, z).sum() - wins[0] @ z + (point**2 / (2 * np.square(PRIOR_DEVIATIONS))).sum())

    found = fit(wins[0], differences[0], np.ones((1, 200)))
    best = minimize(loss, [0.0, 0.0], tol=1e-9).x
    assert [float(found.intercept[0]), float(found.slope[0])] == pytest.approx(best.tolist(), rel=1e-3, abs=1e-3)


def test_a_resample_is_fitted_as_if_its_examples_were_written_out() -> None:
    wins, differences = judged(1, 40, quality=0.5, effect=2.0)
    counts = np.bincount(np.random.default_rng(0).integers(0, 40, 40), minlength=40).astype(np.float64)
    drawn = np.repeat(np.arange(40), counts.astype(int))
    weighted = fit(wins[0], differences[0], np.stack([np.ones(40), counts]))
    written = fit(wins[0, drawn], differences[0, drawn], np.ones((1, 40)))
    assert weighted.rate[1] == pytest.approx(written.rate[0])


def test_a_judge_of_lengths_is_found_out() -> None:
    """Raw it wins three in four; at equal length one in two. One draw is noisy, so this is about the mean of twenty."""
    raw, found = [], []
    for seed in range(20):
        _, differences = judged(seed, 300, quality=0, effect=0, longer_by=40)
        wins = (differences > 0).astype(np.float64)
        raw.append(float(wins.mean()))
        found.append(length_controlled(wins, differences, seed=0, replicates=200))
    rates = [one.rate for one in found if one.rate is not None]
    assert len(rates) == 20
    assert np.mean(raw) > 0.7
    assert abs(np.mean(rates) - 0.5) < 0.035
    assert all(one.length_effect is not None and one.length_effect > ALONE for one in found)


def test_a_judge_that_does_not_care_for_length_keeps_its_rate() -> None:
    wins, differences = judged(3, 400, quality=0.8, effect=0)
    found = length_controlled(wins, differences, seed=0)
    assert found.rate == pytest.approx(wins.mean(), abs=0.04)
    assert found.length_effect is not None
    assert abs(found.length_effect) < 1
    assert found.low is not None
    assert found.low > 0.5


def test_its_interval_covers_the_truth() -> None:
    truth = 1 / (1 + np.exp(-0.4))
    hits = 0
    for trial in range(200):
        wins, differences = judged(trial, 100, quality=0.4, effect=1.5)
        found = length_controlled(wins, differences, seed=trial, replicates=400)
        hits += found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_seeds_widen_it_and_the_other_side_mirrors_it() -> None:
    wins, differences = judged(4, 60, quality=0.4, effect=1.0)
    shifted = np.stack([wins[0], 1 - wins[0], wins[0]])
    one = length_controlled(np.repeat(wins, 3, axis=0), np.repeat(differences, 3, axis=0), seed=0)
    three = length_controlled(shifted, np.repeat(differences, 3, axis=0), seed=0)
    assert one.low is not None
    assert one.high is not None
    assert three.low is not None
    assert three.high is not None
    assert three.high - three.low > one.high - one.low
    mirrored = length_controlled(1 - wins, -differences, seed=0)
    assert mirrored.rate == pytest.approx(1 - length_controlled(wins, differences, seed=0).rate)  # type: ignore[operator]  # a rate


def test_of_few_examples_the_interval_is_students_with_the_error_of_their_influences() -> None:
    """Influence: what a little more weight of one example does to the rate."""
    wins, differences = judged(6, 19, quality=0.3, effect=0.5)
    found = length_controlled(wins, differences, seed=0, replicates=50)
    heavier = np.ones((20, 19)) + 1e-4 * np.eye(20, 19)
    rates = fit(wins[0], differences[0], heavier).rate
    influences = (rates[:19] - rates[19]) / 1e-4
    error = (19 / 18 * ((influences - influences.mean()) ** 2).sum()) ** 0.5
    assert found.low is not None
    assert found.high is not None
    assert "Student" in found.method
    assert (found.high - found.low) / 2 == pytest.approx(t.ppf(0.975, 18) * error, rel=0.05)


def test_seeds_that_are_alike_tell_no_more_and_no_less_than_one() -> None:
    wins, differences = judged(5, 60, quality=0.4, effect=1.0)
    one = length_controlled(wins, differences, seed=0, replicates=200, trained=False)
    three = length_controlled(
        np.repeat(wins, 3, axis=0), np.repeat(differences, 3, axis=0), seed=0, replicates=200, trained=False
    )
    assert one.low is not None
    assert (three.low, three.rate, three.high) == pytest.approx((one.low, one.rate, one.high))
    assert three.length_effect == pytest.approx(one.length_effect)


def test_shares_of_longer_and_shorter_answers_leave_equal_ones_out() -> None:
    found = length_controlled(np.full((1, 4), 0.5), np.array([[5.0, 0.5, -0.5, 0.0]]), seed=0, replicates=20)
    assert (found.longer, found.shorter, found.n_examples) == (0.5, 0.25, 4)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 0)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must both be"):
        length_controlled(np.ones(shape), np.ones((1, 3) if shape != (1, 0) else shape), seed=0)


def test_where_length_and_quality_cannot_be_told_apart_it_says_so() -> None:
    found = length_controlled(np.ones((1, 30)), np.linspace(10, 50, 30)[None], seed=0)
    assert found.rate is None
    assert found.reason is not None
    assert "longer" in found.reason


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_few_or_equal_scores_give_finite_figures(size: int, score: float) -> None:
    differences = np.resize([5.0, -7.0], size)[None] if size > 1 else np.zeros((1, 1))
    found = length_controlled(np.full((1, size), score), differences, seed=0, replicates=50)
    assert found.rate is not None
    assert 0 <= found.rate <= 1
    assert found.low is None or 0 <= found.low <= found.rate <= (found.high or 0) <= 1
