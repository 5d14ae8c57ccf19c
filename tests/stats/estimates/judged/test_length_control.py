"""The rate at equal length: equal to a plain fit, near one half for a judge of lengths, silent where it cannot say."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import t
from statsmodels.api import GLM, families

from bench.stats.arrays import FloatArray
from bench.stats.estimates.judged.length_control import (
    ALONE,
    REPLICATES,
    JudgedPairs,
    LengthControlled,
    length_controlled,
)
from bench.stats.estimates.judged.length_model import PRIOR_DEVIATIONS, fit


def controlled(
    preferences: np.ndarray, differences: np.ndarray, *, seed: int, replicates: int = REPLICATES, **fields: object
) -> LengthControlled:
    pairs = JudgedPairs(preferences=preferences, differences=differences, **fields)  # type: ignore[arg-type]
    found = length_controlled(pairs, seed=seed, replicates=replicates)
    assert found is not None
    return found


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


def test_with_many_pairs_the_fit_is_statsmodels_binomial_glm() -> None:
    """Of so many pairs the priors are nothing; ties are half a win to both."""
    wins, differences = judged(2, 20_000, quality=0.3, effect=1.2)
    wins[0, ::7] = 0.5
    x = np.tanh(differences[0] / differences[0].std())
    glm = GLM(wins[0], np.stack([np.ones(20_000), x], axis=1), family=families.Binomial()).fit()
    found = fit(wins[0], differences[0], np.ones((1, 20_000)))
    assert [float(found.intercept[0]), float(found.slope[0])] == pytest.approx(glm.params.tolist(), abs=1e-3)


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
        found.append(controlled(wins, differences, seed=0, replicates=200))
    rates = [one.rate for one in found if one.rate is not None]
    assert len(rates) == 20
    assert np.mean(raw) > 0.7
    assert abs(np.mean(rates) - 0.5) < 0.035
    assert all(one.length_effect is not None and one.length_effect > ALONE for one in found)


def test_a_judge_that_does_not_care_for_length_keeps_its_rate() -> None:
    wins, differences = judged(3, 400, quality=0.8, effect=0)
    found = controlled(wins, differences, seed=0)
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
        found = controlled(wins, differences, seed=trial, replicates=400)
        hits += found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_seeds_widen_it_and_the_other_side_mirrors_it() -> None:
    wins, differences = judged(4, 60, quality=0.4, effect=1.0)
    shifted = np.stack([wins[0], 1 - wins[0], wins[0]])
    one = controlled(np.repeat(wins, 3, axis=0), np.repeat(differences, 3, axis=0), seed=0)
    three = controlled(shifted, np.repeat(differences, 3, axis=0), seed=0)
    assert one.low is not None
    assert one.high is not None
    assert three.low is not None
    assert three.high is not None
    assert three.high - three.low > one.high - one.low
    mirrored = controlled(1 - wins, -differences, seed=0)
    assert mirrored.rate == pytest.approx(1 - controlled(wins, differences, seed=0).rate)  # type: ignore[operator]  # a rate


def test_of_few_examples_the_interval_is_students_with_the_error_of_their_influences() -> None:
    """Influence: what a little more weight of one example does to the rate."""
    wins, differences = judged(6, 19, quality=0.3, effect=0.5)
    found = controlled(wins, differences, seed=0, replicates=50)
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
    one = controlled(wins, differences, seed=0, replicates=200, trained=False)
    three = controlled(
        np.repeat(wins, 3, axis=0), np.repeat(differences, 3, axis=0), seed=0, replicates=200, trained=False
    )
    assert one.low is not None
    assert (three.low, three.rate, three.high) == pytest.approx((one.low, one.rate, one.high))
    assert three.length_effect == pytest.approx(one.length_effect)


def test_shares_of_longer_and_shorter_answers_leave_equal_ones_out() -> None:
    found = controlled(np.full((1, 4), 0.5), np.array([[5.0, 0.5, -0.5, 0.0]]), seed=0, replicates=20)
    assert (found.longer, found.shorter, found.n_examples) == (0.5, 0.25, 4)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 0)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must both be"):
        controlled(np.ones(shape), np.ones((1, 3) if shape != (1, 0) else shape), seed=0)


def test_where_length_and_quality_cannot_be_told_apart_it_says_so() -> None:
    found = controlled(np.ones((1, 30)), np.linspace(10, 50, 30)[None], seed=0)
    assert found.rate is None
    assert found.reason is not None
    assert "longer" in found.reason


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_few_or_equal_scores_give_finite_figures(size: int, score: float) -> None:
    differences = np.resize([5.0, -7.0], size)[None] if size > 1 else np.zeros((1, 1))
    found = controlled(np.full((1, size), score), differences, seed=0, replicates=50)
    assert found.rate is not None
    assert 0 <= found.rate <= 1
    assert found.low is None or 0 <= found.low <= found.rate <= (found.high or 0) <= 1


def width(found: LengthControlled) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


def test_pairs_of_one_cluster_say_no_more_than_one_of_them() -> None:
    """Each pair four times: as independent, the interval is half as wide as the data allow."""
    wins, differences = (np.repeat(part, 4, axis=1) for part in judged(7, 80, quality=0.3, effect=0.8))
    plain = controlled(wins, differences, seed=0, replicates=400)
    clustered = controlled(wins, differences, seed=0, replicates=400, clusters=np.arange(320) // 4)
    single = controlled(wins[:, ::4], differences[:, ::4], seed=0, replicates=400)
    assert clustered.rate == pytest.approx(plain.rate)
    assert width(clustered) == pytest.approx(width(single), rel=0.12)
    assert width(clustered) > 1.7 * width(plain)


def test_the_interval_is_that_of_the_resampled_rate_where_that_is_wider() -> None:
    """Resamples are of examples, with their lengths, for every seed alike."""
    rng = np.random.default_rng(2)
    differences = rng.normal(0, 40, (2, 60))
    wins = (rng.random((2, 60)) < 0.93).astype(np.float64)
    found = controlled(wins, differences, seed=0, trained=False)
    rates = []
    for _ in range(600):
        counts = np.bincount(rng.integers(0, 60, 60), minlength=60)[None].astype(float)
        rates.append(np.mean([fit(wins[seed], differences[seed], counts).rate[0] for seed in (0, 1)]))
    assert found.low == pytest.approx(np.quantile(rates, 0.025), abs=0.02)


def test_seeds_of_one_draw_count_as_one() -> None:
    rng = np.random.default_rng(3)
    level = np.repeat([0.4, 0.5, 0.6], 2)
    wins = (rng.random((6, 200)) < level[:, None]).astype(np.float64)
    differences = rng.normal(0, 40, (6, 200))
    as_seeds = controlled(wins, differences, seed=0, replicates=100)
    as_draws = controlled(wins, differences, seed=0, replicates=100, draws=np.repeat([0, 1, 2], 2))
    assert as_draws.rate == pytest.approx(as_seeds.rate)
    assert width(as_draws) > 1.8 * width(as_seeds)


def test_each_seed_is_used_with_all_pairs_that_it_has() -> None:
    wins, differences = judged(8, 200, quality=0.4, effect=0.8)
    wins, differences = np.repeat(wins, 2, axis=0), np.repeat(differences, 2, axis=0)
    present = np.ones((2, 200), dtype=bool)
    present[0, :100] = False
    found = controlled(wins, differences, seed=0, replicates=100, present=present)
    halves = [
        controlled(wins[:1, part], differences[:1, part], seed=0, replicates=10).rate
        for part in (slice(100, 200), slice(200))
    ]
    assert found.n_examples == 200
    assert found.rate == pytest.approx(np.mean(halves))  # type: ignore[arg-type]  # both have a rate
    lost = JudgedPairs(preferences=wins, differences=differences, present=present & np.array([[False], [True]]))
    assert length_controlled(lost, seed=0) is None, "one seed of two: the noise of training is unknown"


def test_tasks_are_averaged_and_resampled_apart() -> None:
    easy, hard = judged(9, 150, quality=1.5, effect=0.0), judged(10, 50, quality=-1.0, effect=0.0)
    wins, differences = (np.concatenate(parts, axis=1) for parts in zip(easy, hard, strict=True))
    strata = np.repeat([0, 1], [150, 50])
    found = controlled(wins, differences, seed=0, replicates=200, strata=strata)
    rates = [controlled(*part, seed=0, replicates=10).rate for part in (easy, hard)]
    assert found.rate == pytest.approx(np.mean(rates))  # type: ignore[arg-type]  # both have a rate
    assert found.low is not None
