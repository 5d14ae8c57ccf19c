"""No rank where the difference is not resolved."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from bench.stats.conclusions.ranking import rank
from bench.stats.estimates.paired import paired_delta
from bench.stats.samples.sample import scores


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


def shown(*pairs: tuple[str, str], p_value: float = 0.001, estimate: float = 1.0):  # type: ignore[no-untyped-def]
    """The left of each pair above the right."""
    example = next(iter(deltas({"a": 1, "b": 0}).values()))
    return {pair: replace(example, estimate=estimate, p_value=p_value) for pair in pairs}


def test_a_difference_at_the_level_is_resolved_and_none_of_zero_is() -> None:
    at, above = (rank(["a", "b"], shown(("a", "b"), p_value=p)) for p in (0.05, 0.0501))
    assert [(r.best, r.worst) for r in at] == [(1, 1), (2, 2)]
    assert [(r.best, r.worst) for r in above] == [(1, 2), (1, 2)]
    assert all(not r.resolved for r in rank(["a", "b"], shown(("a", "b"), estimate=0.0)))
    small = rank(["a", "b"], shown(("a", "b"), estimate=0.5))
    assert [r.best for r in small] == [1, 2]


def test_letters_follow_the_order_of_the_names_whatever_was_compared_first() -> None:
    """c and a are above d, b shares with all."""
    names = ["a", "b", "c", "d"]
    for pairs in (("a", "d"), ("c", "d")), (("c", "d"), ("a", "d")):
        assert [r.letters for r in rank(names, shown(*pairs))] == ["a", "ab", "a", "b"]
    turned = rank(["d", "c", "b", "a"], shown(("a", "d"), ("c", "d")))
    assert [r.letters for r in turned] == ["a", "b", "ab", "b"]


def test_a_letter_within_another_is_absorbed() -> None:
    """a above c and d, b above d: a with b, b with c, c with d."""
    found = rank(["a", "b", "c", "d"], shown(("a", "c"), ("a", "d"), ("b", "d")))
    assert [r.letters for r in found] == ["a", "ab", "bc", "c"]


def test_more_than_26_letters_go_on_with_numbers() -> None:
    names = [f"arm{number:02}" for number in range(28)]
    found = rank(names, shown(*combinations(names, 2), p_value=1e-9))
    assert [r.letters for r in found][-3:] == ["z", "a1", "b1"]
