"""Scores as arrays: what is taken, what is refused, and how examples add up."""

import numpy as np
import pytest

from bench.stats.samples.sample import Scores, layout, scores


def test_few_values_within_bounds_are_coarse() -> None:
    """Right, wrong, and ties half-way; not a graded score, nor one whose range is unknown."""
    assert scores([[0, 1]], binary=True).coarse
    assert scores([[0.0, 0.5, 1.0, None]], bounds=(0, 1)).coarse
    assert not scores([[0.0, 0.4, 0.5, 1.0]], bounds=(0, 1)).coarse
    assert not scores([[0.0, 0.5, 1.0]]).coarse


def test_one_replicate_alone_keeps_what_holds_for_all() -> None:
    table = scores(
        [[1.0, None], [2.0, 3.0], [4.0, 5.0]],
        weights=[1.0, 2.0], clusters=[0, 1], strata=[0, 0], draws=[0, 0, 1], bounds=(0, 5), trained=False,
    )  # fmt: skip
    row = table.row(1)
    assert (row.values.tolist(), row.present.tolist()) == ([[2.0, 3.0]], [[True, True]])
    assert table.row(0).present.tolist() == [[True, False]]
    assert row.weights.tolist() == [1.0, 2.0]
    assert row.clusters is table.clusters
    assert row.strata is table.strata
    assert (row.binary, row.bounds, row.trained) == (False, (0, 5), False)


@pytest.mark.parametrize(
    ("rows", "more", "reason"),
    [
        ([], {}, "at least one row"),
        ([[1.0], [1.0, 2.0]], {}, "equal length"),
        ([[1.0, 2.0]], {"weights": [1.0]}, "weights must have length 2"),
        ([[1.0, 2.0]], {"weights": [1.0, 0.0]}, "finite and positive"),
        ([[1.0, 2.0]], {"weights": [1.0, float("inf")]}, "finite and positive"),
        ([[1.0, 2.0]], {"clusters": [0]}, "clusters must have length 2"),
        ([[1.0, 2.0]], {"strata": [0, 1, 2]}, "strata must have length 2"),
        ([[1.0, 2.0]], {"draws": [0, 1]}, "draws must have length 1"),
        ([[1.0, 2.5]], {"bounds": (0, 2)}, "outside its bounds"),
        ([[-0.5, 1.0]], {"bounds": (0, 2)}, "outside its bounds"),
    ],
)
def test_what_does_not_fit_is_refused(rows: list[list[float]], more: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        scores(rows, **more)  # type: ignore[arg-type]


def test_the_ends_of_the_range_are_within_it() -> None:
    assert scores([[0.0, 2.0, None]], bounds=(0, 2)).bounds == (0, 2)


@pytest.mark.parametrize("shape", [(3,), (0, 3)])
def test_arrays_without_a_row_of_seeds_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        Scores(values=np.zeros(shape), present=np.ones(shape, bool), weights=np.ones(3))
    with pytest.raises(ValueError, match="shape"):
        Scores(values=np.zeros((1, 3)), present=np.ones((2, 3), bool), weights=np.ones(3))


def test_each_task_weighs_the_same_and_each_cluster_is_one_unit() -> None:
    plan = layout(np.array([1.0, 3.0, 1.0, 1.0, 2.0]), np.array([7, 7, 4, 5, 5]), np.array([2, 2, 1, 1, 1]))
    assert plan.share.tolist() == [1 / 8, 3 / 8, 1 / 8, 1 / 8, 2 / 8]
    assert (plan.n_units, plan.n_strata) == (3, 2)
    assert plan.clustered
    assert not plan.plain
    assert plan.mass.tolist() == [1 / 8, 3 / 8, 1 / 2]
    assert plan.totals(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).tolist() == [3 / 8, 14 / 8, 7 / 8]
    even = layout(np.ones(4), None, None)
    assert even.plain
    assert not even.clustered
    assert not layout(np.array([1.0, 2.0]), None, None).plain, "unequal weights"


def test_a_share_of_right_answers_is_that_fraction_to_the_last_digit() -> None:
    """99 of 240 would print as 0.412 or 0.413, by the processor, were it a product of matrices."""
    plan = layout(np.ones(240), None, None)
    right = np.arange(240)[:, None] > np.arange(240)
    assert plan.mean(right.astype(float)).tolist() == [count / 240 for count in range(240)]


def test_the_order_of_examples_changes_no_digit_of_a_mean() -> None:
    generator = np.random.default_rng(0)
    values, weights = generator.normal(size=500), generator.integers(1, 90, size=500).astype(float)
    order = generator.permutation(500)
    assert layout(weights, None, None).mean(values) == layout(weights[order], None, None).mean(values[order])
