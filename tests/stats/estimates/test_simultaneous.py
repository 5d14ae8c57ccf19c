"""The level of a band over steps: between that of one interval and Bonferroni's, as the steps are alike."""

import numpy as np
import pytest

from bench.stats.estimates.simultaneous import band_level
from bench.stats.samples.sample import Scores

EXAMPLES = 400


def scores(values: np.ndarray, *, trained: bool = True) -> Scores:
    return Scores(
        values=values, present=np.ones(values.shape, dtype=bool), weights=np.ones(values.shape[1]), trained=trained
    )


BASE = scores(np.zeros((1, EXAMPLES)), trained=False)


def level(steps: list[np.ndarray], base: Scores = BASE) -> float:
    return band_level([scores(step) for step in steps], base, seed=1)


def test_steps_that_err_alike_are_one_interval_and_steps_that_do_not_are_as_many() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(1, EXAMPLES))
    assert level([one] * 6) == pytest.approx(0.95, abs=0.003)
    assert level([one]) == pytest.approx(0.95)
    apart = level([rng.normal(size=(1, EXAMPLES)) for _ in range(6)])
    assert apart == pytest.approx(0.95 ** (1 / 6), abs=0.001), "Šidák's, for independent steps"
    assert apart <= 1 - 0.05 / 6
    half = level([one + rng.normal(size=(1, EXAMPLES)) for _ in range(6)])
    assert 0.953 < half < apart - 0.0005


def test_the_noise_of_two_or_three_seeds_does_not_show_that_steps_err_alike() -> None:
    rng = np.random.default_rng(0)

    def of_seeds(count: int) -> list[np.ndarray]:
        shift = rng.normal(size=(count, 1))
        return [np.repeat(shift, EXAMPLES, axis=1)] * 6

    few, many = level(of_seeds(2)), level(of_seeds(20))
    assert few == pytest.approx(0.95 ** (1 / 6), abs=0.001)
    assert level(of_seeds(3)) == pytest.approx(few, abs=0.001)
    assert many < few - 0.005


def test_steps_without_a_common_example_have_bonferronis() -> None:
    values = np.ones((1, 4))
    left, right = (
        Scores(values=values, present=np.array([present]), weights=np.ones(4))
        for present in ([True, True, False, False], [False, False, True, True])
    )
    assert band_level([left, right], scores(np.zeros((1, 4))), seed=0) == pytest.approx(0.975)
    with pytest.raises(ValueError, match="one step"):
        band_level([], BASE, seed=0)


def test_the_level_is_the_same_each_time_and_whatever_the_scale() -> None:
    rng = np.random.default_rng(3)
    steps = [rng.normal(size=(3, EXAMPLES)) for _ in range(3)]
    assert level(steps) == level(steps)
    assert level(steps) == pytest.approx(level([step * 100 for step in steps]))
    constant = np.ones((3, EXAMPLES))
    assert 0.95 <= level([*steps, constant]) <= 0.9875, "a step without noise"
