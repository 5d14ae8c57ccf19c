"""A source of which no row is left: the hint is about what left them out."""

from collections import Counter

import pytest

from bench.data.formats.chat.turns import NO_ANSWER, NO_OPENING, NOT_LEARNED, UNFINISHED
from bench.data.formats.conversation import Rules
from bench.data.formats.verdicts import NO_PREFERENCE
from bench.data.sources.no_rows import no_rows_left
from bench.data.sources.row_faults import COLUMNS_HINT

RULES = Rules(leave_out=frozenset({"images"}), score="quality")


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("label is false", 'ignore = ["label"]'),
        ("weight is 0", 'ignore = ["weight"]'),
        ("split is test", "split in the data's table"),
        ("with images", "leave_out"),
        ("no quality", "select.column"),
        (NO_OPENING, "begin each with the turn of the user"),
        (NOT_LEARNED, "ignore"),
        (UNFINISHED, "give whole answers"),
        (NO_PREFERENCE, "which is better"),
    ],
)
def test_the_hint_is_about_the_reason_of_most_rows(reason: str, hint: str) -> None:
    problem = no_rows_left(Counter({"empty answer": 1, reason: 2}), RULES, "rows.jsonl")
    assert hint in str(problem.hint)
    assert "columns = {" not in str(problem.hint)
    assert f"{reason} (2)" in problem.what


@pytest.mark.parametrize("dropped", [{}, {NO_ANSWER: 2}, {"empty prompt": 1}])
def test_columns_are_named_where_a_prompt_or_an_answer_was_not_found(dropped: dict[str, int]) -> None:
    assert no_rows_left(Counter(dropped), RULES, "rows.jsonl").hint == COLUMNS_HINT
