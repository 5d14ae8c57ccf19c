"""What each unit adds to a value: errors of candidates that share examples are added up from these."""

import numpy as np
import pytest

from bench.stats.noise.influence import influence, scored_rows
from bench.stats.noise.variance import seed_noise, unit_spread
from bench.stats.samples.sample import layout, scores

ROWS = [[0.2, 0.5, 0.9, 0.4, 0.7, 0.1], [0.3, 0.4, 0.8, 0.6, 0.5, 0.3]]


@pytest.mark.parametrize("clusters", [None, [0, 0, 1, 1, 2, 2]])
@pytest.mark.parametrize("strata", [None, [0, 0, 1, 1, 1, 1]])
def test_without_gaps_it_is_the_mean_and_its_variance(clusters: list[int] | None, strata: list[int] | None) -> None:
    """The decision and the deltas must not disagree about the noise of examples."""
    if clusters is not None and strata is not None:
        clusters = [0, 1, 2, 2, 3, 3]
    data = scores(ROWS, weights=[1, 2, 1, 1, 3, 1], clusters=clusters, strata=strata)
    plan = layout(data.weights, data.clusters, data.strata)
    found = influence(data, scored_rows(data))
    assert found.values == pytest.approx(data.values @ plan.share)
    spread = unit_spread(plan.totals(data.values.mean(axis=0)), plan)
    assert float((found.units.mean(axis=0) ** 2).sum()) == pytest.approx(spread.variance)
    assert found.degrees == pytest.approx(spread.degrees)
    noise = seed_noise(data.values, plan)
    assert found.rest == pytest.approx(noise.rest / 2)


@pytest.mark.parametrize("strata", [None, [0, 0, 0, 1, 1, 1]])
def test_examples_of_an_unknown_cluster_add_as_much_noise_to_a_decision(strata: list[int] | None) -> None:
    clusters = [-1, 0, 1, -2, 3, 3] if strata else [-1, 0, 1, 1, -1, 3]
    data = scores(ROWS[:1], clusters=clusters, strata=strata)
    plan = layout(data.weights, data.clusters, data.strata)
    spread = unit_spread(plan.totals(data.values[0]), plan)
    assert float((influence(data, scored_rows(data)).units[0] ** 2).sum()) == pytest.approx(spread.variance)


def test_an_example_that_a_seed_lacks_adds_nothing_to_that_seed() -> None:
    data = scores([[0.0, 1.0, None, 1.0], [0.0, 1.0, 1.0, 1.0]], bounds=(0.0, 1.0))
    found = influence(data, scored_rows(data))
    assert found.values == pytest.approx([2 / 3, 0.75])
    assert found.units[0, 2] == 0.0
    assert found.low is not None
    assert found.high is not None
    assert found.low == pytest.approx([0.5, 0.75])
    assert found.high == pytest.approx([0.75, 0.75])


def test_a_seed_without_a_score_in_a_task_is_no_row() -> None:
    data = scores([[0.0, 1.0, None, None], [0.0, 1.0, 1.0, 0.0]], strata=[0, 0, 1, 1])
    assert list(scored_rows(data)) == [False, True]
    assert influence(data, scored_rows(data)).values == pytest.approx([0.5])


def test_a_task_of_one_example_adds_no_noise_that_could_be_seen() -> None:
    """Its one example is its mean: nothing is left over, and nothing shows how many degrees of freedom it has."""
    found = influence(scores([[0.2, 0.6, 0.9]], strata=[0, 0, 1]), np.array([True]))
    assert found.values == pytest.approx([(0.4 + 0.9) / 2])
    assert found.units[0] == pytest.approx([-0.05 / 0.5**0.5, 0.05 / 0.5**0.5, 0.0])
    assert found.degrees == 1.0


def test_seeds_of_one_draw_are_one_row() -> None:
    data = scores([[0.0, 0.2], [0.2, 0.4], [0.6, 0.8]], draws=[0, 0, 1])
    assert influence(data, scored_rows(data)).values == pytest.approx([0.2, 0.7])


def test_all_right_leaves_room_for_what_was_not_seen() -> None:
    right = influence(scores([[1.0] * 10], binary=True), np.array([True]))
    assert float((right.units**2).sum()) == 0.0
    assert right.extra == pytest.approx((12 / 14) * (2 / 14) / 14)
    half = influence(scores([[1.0] * 50 + [0.0] * 50], binary=True), np.array([True]))
    assert half.extra == 0.0
