"""No rank where the difference is not resolved."""

from itertools import combinations

import numpy as np

from bench.stats.paired import paired_delta
from bench.stats.ranking import rank
from bench.stats.sample import scores


def deltas(means: dict[str, float]):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    rows = {name: scores([(generator.normal(mean, 1, 100)).tolist()]) for name, mean in means.items()}
    return {(a, b): paired_delta(rows[a], rows[b], seed=0, replicates=999) for a, b in combinations(rows, 2)}


def test_clear_orders_are_ranks() -> None:
    ranks = rank(["low", "high", "middle"], deltas({"low": 0, "high": 6, "middle": 3}))
    assert [(r.best, r.worst) for r in ranks] == [(3, 3), (1, 1), (2, 2)]
    assert len({r.letters for r in ranks}) == 3
    turned = rank(["low", "high", "middle"], deltas({"low": 0, "high": 6, "middle": 3}), higher_is_better=False)
    assert [(r.best, r.worst) for r in turned] == [(1, 1), (3, 3), (2, 2)]


def test_equals_share_a_range_and_a_letter() -> None:
    first, second, last = rank(["a", "b", "c"], deltas({"a": 5, "b": 5, "c": 0}))
    assert (first.best, first.worst) == (second.best, second.worst) == (1, 2)
    assert not first.resolved
    assert first.letters == second.letters != last.letters
    assert (last.best, last.worst) == (3, 3)


def test_a_bridge_between_two_shares_a_letter_with_each() -> None:
    """a > c is shown, b is between and resolved from neither: a, ab, b."""
    found = rank(["a", "b", "c"], {pair: d for pair, d in deltas({"a": 3, "b": 1, "c": 0}).items() if "b" not in pair})
    assert [r.letters for r in found] == ["a", "ab", "b"]
    assert [(r.best, r.worst) for r in found] == [(1, 2), (1, 3), (2, 3)]


def test_nothing_compared_is_nothing_ranked() -> None:
    assert [(r.best, r.worst, r.letters) for r in rank(["a", "b"], {})] == [(1, 2, "a"), (1, 2, "a")]
