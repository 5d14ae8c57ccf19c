"""Selection: a draw that is not repeatable, or not a draw, makes the control worthless."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.select import SELECTORS, distinct
from bench.data.table import Table, content_key
from bench.suite.data import Select


def _turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    table = Table("x.jsonl", tmp_path_factory.mktemp("table"))
    for row in range(1, 201):
        table.append(row, _turns(f"question {row % 150}", "a" * (1 + (7 * row) % 50)))
    yield table
    table.close()


def test_every_selector_of_the_suite_has_a_function() -> None:
    assert set(SELECTORS) == set(Select.model_fields["by"].annotation.__args__)  # type: ignore[union-attr]


@settings(deadline=None)  # a busy machine is no failure
@given(size=st.integers(1, 200), seed=st.integers(0, 2**31), by=st.sampled_from(["first", "random", "longest"]))
def test_a_selection_has_its_size_its_order_and_no_row_twice(table: Table, size: int, seed: int, by: str) -> None:
    select = Select.model_validate({"by": by, "size": size, "seed": seed})
    chosen = list(SELECTORS[by](table, range(200), select))
    assert len(chosen) == size
    assert chosen == sorted(set(chosen))
    assert chosen == list(SELECTORS[by](table, range(200), select))


def test_random_draws_differ_by_seed_and_are_nested_by_size(table: Table) -> None:
    def draw(size: int, seed: int) -> set[int]:
        return set(SELECTORS["random"](table, range(200), Select(by="random", size=size, seed=seed)))

    assert draw(50, 0) != draw(50, 1)
    assert draw(50, 0) < draw(100, 0)


def test_random_draws_reach_every_row(table: Table) -> None:
    """A hundred draws of 10% miss a row with probability 3e-5."""
    seen: set[int] = set()
    for seed in range(100):
        seen.update(SELECTORS["random"](table, range(200), Select(by="random", size=20, seed=seed)))
    assert len(seen) > 195


def test_longest_takes_the_longest_answers(table: Table) -> None:
    chosen = SELECTORS["longest"](table, range(200), Select(by="longest", size=20))
    others = set(range(200)) - set(chosen)
    assert min(table.answer_length(i) for i in chosen) >= max(table.answer_length(i) for i in others)


def test_distinct_keeps_the_first_of_equal_rows(tmp_path: Path) -> None:
    table = Table("x", tmp_path)
    for row, question in enumerate(["a", "b", "A ", "c", "b"], start=1):
        table.append(row, _turns(question, "x"))
    assert list(distinct(table, range(5))) == [0, 1, 3]
    assert list(distinct(table, [2, 4])) == [2, 4]
    table.close()


def test_content_is_the_same_whatever_its_spacing_case_and_field() -> None:
    plain = content_key(_turns("Name the  capital:\nFrance", "Paris."))
    parts = [{"role": "user", "content": "name the capital:", "input": "France"}, _turns("", "PARIS. ")[1]]
    assert plain == content_key([{"role": "system", "content": "Be kind."}, *parts])
    assert plain != content_key(_turns("Name the capital:\nFrance", "Lyon."))
    assert content_key(_turns("a", "b c")) != content_key(_turns("a b", "c"))
