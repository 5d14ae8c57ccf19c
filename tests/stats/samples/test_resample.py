"""The bootstrap: each replicate is what a loop over its units gives."""

import numpy as np
import pytest

from bench.stats.arrays import FloatArray
from bench.stats.samples.resample import count_chunks, studentised_draws
from bench.stats.samples.sample import layout

REPLICATES = 40


def in_order(x: FloatArray, weights: FloatArray, task: np.ndarray) -> tuple[FloatArray, FloatArray, np.ndarray]:
    """The examples of each task by what they differ from its weighted mean: the order in which they are drawn."""
    means = np.array([np.average(x[task == t], weights=weights[task == t]) for t in np.unique(task)])
    order = np.lexsort((weights * (x - means[task]), task))
    return x[order], weights[order], task[order]


def by_loops(x: FloatArray, weights: FloatArray, task: np.ndarray, seed: int) -> list[float]:
    """(resampled value - value) / its linearised standard error, replicate by replicate."""
    generator = np.random.default_rng(seed)
    tasks = np.unique(task)
    drawn = [np.concatenate(list(count_chunks(int((task == t).sum()), REPLICATES, generator))) for t in tasks]
    pivots = []
    for replicate in range(REPLICATES):
        shift = variance = 0.0
        for t, counts in zip(tasks, drawn, strict=True):
            value, weight, times = x[task == t], weights[task == t], counts[replicate]
            size, mean = len(value), np.average(value, weights=weight)
            again = np.average(value, weights=weight * times)
            shift += (again - mean) / len(tasks)
            residual = times * (weight * (value - again)) ** 2
            variance += size / (size - 1) * residual.sum() / (weight @ times) ** 2 / len(tasks) ** 2
        pivots.append(shift / variance**0.5)
    return sorted(pivots)


@pytest.mark.parametrize("tasks", [1, 2])
def test_a_replicate_is_a_ratio_of_sums_over_its_linearised_error(tasks: int) -> None:
    """With weights, as of a loss per token, and by task."""
    generator = np.random.default_rng(0)
    task = np.repeat(np.arange(tasks), [12, 12][:tasks])
    x, weights, task = in_order(generator.gamma(2, 1, 12 * tasks), generator.uniform(1, 9, 12 * tasks), task)
    plan = layout(weights, None, task)
    found = studentised_draws(plan.totals(x), plan, seed=3, replicates=REPLICATES)
    assert found == pytest.approx(by_loops(x, weights, task, 3))


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0, 7.0, 11.0], [-3.0, 1.0, 1.0, 1.0, 0.0], [-2.0, -1.0, 0.0, 1.0, 2.0]])
def test_negated_data_mirror_the_draws(x: list[float]) -> None:
    """To the digit, also where the sum is zero and only the skew says which way round the data are."""
    plan = layout(np.ones(5), None, None)
    up, down = (studentised_draws(sign * np.array(x) / 5, plan, seed=0, replicates=200) for sign in (1.0, -1.0))
    assert down.size == up.size
    if sum(x) or sum(value**3 for value in x):
        assert np.array_equal(down, -up[::-1])


def test_replicates_without_spread_are_left_out() -> None:
    """Of two units one replicate in two draws the same one twice."""
    plan = layout(np.ones(2), None, None)
    draws = studentised_draws(np.array([0.0, 0.5]), plan, seed=0, replicates=400)
    assert 150 < draws.size < 250
    assert np.isfinite(draws).all()


@pytest.mark.parametrize(("units", "replicates"), [(7, 30_000), (70_000, 2)])
def test_every_replicate_draws_as_many_as_there_are(units: int, replicates: int) -> None:
    """Whatever the size of a chunk, which holds one replicate at least."""
    chunks = list(count_chunks(units, replicates, np.random.default_rng(0)))
    assert len(chunks) > 1
    assert sum(len(chunk) for chunk in chunks) == replicates
    assert all((chunk.sum(axis=1) == units).all() for chunk in chunks)
