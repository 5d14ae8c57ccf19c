"""Selection: a draw that is not repeatable, or not a draw, makes the control worthless."""

import random
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.data.formats.chat.turns import texts_of
from bench.data.select.near_duplicates import distinct
from bench.data.select.selectors import SELECTORS, at_least, shuffle, within
from bench.data.sources.table import RowTable, column, content_key, keys
from bench.suite.tables.data import LengthFilter, Select

EVERY = np.arange(200, dtype=np.uint32)


def _turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RowTable]:
    table = RowTable("x.jsonl", tmp_path_factory.mktemp("table"))
    for row in range(1, 201):
        table.append(row, _turns(f"question {row % 150}", "a" * (1 + (7 * row) % 50)), score=float(row % 40))
    yield table
    table.close()


def _select(table: RowTable, **select: Any) -> list[int]:
    spec = Select.model_validate(select)
    return [int(index) for index in SELECTORS[spec.by](table, EVERY, spec)]


def test_every_selector_of_the_suite_has_a_function() -> None:
    assert set(SELECTORS) == set(Select.model_fields["by"].annotation.__args__)  # type: ignore[union-attr]


@settings(max_examples=60)
@given(
    size=st.integers(1, 200),
    seed=st.integers(0, 2**31),
    by=st.sampled_from(["first", "random", "longest", "score", "diverse"]),
)
def test_a_selection_has_its_size_its_order_and_no_row_twice(table: RowTable, size: int, seed: int, by: str) -> None:
    select: dict[str, Any] = {"by": by, "size": size, "seed": seed, **({"column": "s"} if by == "score" else {})}
    chosen = _select(table, **select)
    assert len(chosen) == size
    assert chosen == sorted(set(chosen))
    assert chosen == _select(table, **select)


def test_the_first_rows_come_after_the_offset(table: RowTable) -> None:
    assert _select(table, by="first", size=3) == [0, 1, 2]
    assert _select(table, by="first", size=3, offset=190) == [190, 191, 192]
    with pytest.raises(ValidationError, match="offset belongs to select by 'first'"):
        Select(by="random", size=3, offset=1)


def test_random_draws_differ_by_seed_and_are_nested_by_size(table: RowTable) -> None:
    def draw(size: int, seed: int) -> set[int]:
        return set(_select(table, by="random", size=size, seed=seed))

    assert draw(50, 0) != draw(50, 1)
    assert draw(50, 0) < draw(100, 0)


def test_random_draws_reach_every_row(table: RowTable) -> None:
    """A hundred draws of 10% miss a row with probability 3e-5."""
    seen: set[int] = set()
    for seed in range(100):
        seen.update(_select(table, by="random", size=20, seed=seed))
    assert len(seen) > 195


@pytest.mark.parametrize(
    ("select", "field"), [({"by": "longest"}, "answer"), ({"by": "score", "column": "s"}, "score")]
)
def test_the_greatest_are_taken_and_of_equals_the_earlier(table: RowTable, select: dict[str, Any], field: str) -> None:
    values = column(table, field, EVERY)
    best = sorted(range(200), key=lambda row: (-float(values[row]), row))[:23]
    assert _select(table, **select, size=23) == sorted(best)


def test_a_minimum_score_and_length_limits_leave_the_rows_that_meet_them(table: RowTable) -> None:
    scores, answers = column(table, "score", EVERY), column(table, "answer", EVERY)
    assert set(at_least(table, EVERY, 38.0)) == set(EVERY[scores >= 38])
    limits = LengthFilter(min_answer_characters=10, max_answer_characters=20, max_characters=31)
    kept = set(within(table, EVERY, limits))
    totals = column(table, "total", EVERY)
    assert kept == set(EVERY[(answers >= 10) & (answers <= 20) & (totals <= 31)])
    assert 0 < len(kept) < 200


def test_distinct_keeps_the_first_of_equal_rows(tmp_path: Path) -> None:
    table = RowTable("x", tmp_path)
    for row, question in enumerate(["a", "b", "A ", "c", "b"], start=1):
        table.append(row, _turns(question, "x"))
    assert list(distinct(table, np.arange(5, dtype=np.uint32))) == [0, 1, 3]
    assert list(distinct(table, np.array([2, 4], dtype=np.uint32))) == [2, 4]
    table.close()


def test_content_is_the_same_whatever_its_spacing_case_and_field() -> None:
    plain = content_key(_turns("Name the  capital:\nFrance", "Paris."))
    parts = [{"role": "user", "content": "name the capital:", "input": "France"}, _turns("", "PARIS. ")[1]]
    assert plain == content_key([{"role": "system", "content": "Be kind."}, *parts])
    assert plain != content_key(_turns("Name the capital:\nFrance", "Lyon."))
    assert content_key(_turns("a", "b c")) != content_key(_turns("a b", "c"))
    assert _prompt_key(parts) == _prompt_key(_turns("Name the capital: France", "Lyon."))
    text = [{"role": "text", "content": "Once."}]
    assert _prompt_key(text) == content_key(text) != _prompt_key([{"role": "text", "content": "Twice."}])


def _prompt_key(turns: list[dict[str, str]]) -> int:
    return keys(turns, [list(texts_of(turn)) for turn in turns])[1]


@given(size=st.integers(0, 2_100), seed=st.integers(0, 99))
def test_a_draw_has_the_order_that_pythons_own_shuffle_gives_it(size: int, seed: int) -> None:
    ours, theirs = (array("I", range(size)) for _ in range(2))
    shuffle(ours, random.Random(seed))
    random.Random(seed).shuffle(theirs)
    assert ours == theirs
