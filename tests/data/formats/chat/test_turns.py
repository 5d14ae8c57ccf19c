"""The order of turns: what has one right repair is repaired and named, an empty answer is never learned."""

from typing import Any

import pytest

from bench.data.formats.chat.turns import BEHIND_LAST, MERGED, NO_VALUE, NOT_LEARNED, UNFINISHED, settle
from bench.data.formats.fields import RowError


def turns(*said: str, **last: Any) -> list[dict[str, Any]]:
    """Turns from texts such as `user: Q`; `last` are further keys of the last one."""
    made = [dict(zip(("role", "content"), text.split(":", 1), strict=True)) for text in said]
    return [*made[:-1], {**made[-1], **last}]


@pytest.mark.parametrize(
    ("said", "merged"),
    [
        (("user:A", "user:B", "assistant:C"), ["A\n\nB", "C"]),
        (("system:one", "system:two", "user:A", "assistant:B"), ["one\n\ntwo", "A", "B"]),
        (("user:A", "assistant:B", "assistant:C"), ["A", "B\n\nC"]),
        (("user:A", "user:", "user:B", "assistant:C"), ["A\n\nB", "C"]),
    ],
)
def test_turns_of_one_role_in_a_row_are_one(said: tuple[str, ...], merged: list[str]) -> None:
    settled = settle(turns(*said))
    assert [turn["content"] for turn in settled.turns] == merged
    assert settled.notes == (MERGED,)
    with pytest.raises(RowError, match=r"turn \d is of"):
        settle(turns(*said), merge=False)


def test_results_of_tools_stay_apart_and_answers_that_differ_in_being_learned_are_not_merged() -> None:
    calls = [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]
    conversation = [*turns("user:Q", "assistant:", tool_calls=calls), *turns("tool:1", "tool:2", "assistant:A")]
    assert settle(conversation).turns == conversation
    with pytest.raises(RowError):
        settle([*turns("user:Q", "assistant:A", train=False), *turns("assistant:B")])


def test_what_follows_the_last_answer_to_be_learned_is_left_out() -> None:
    first = turns("user:Q", "assistant:A")
    assert settle([*first, *turns("user:R", "assistant:B", train=False)]).turns == first
    assert settle(turns("user:Q", "assistant:A", train=False)).dropped == NOT_LEARNED


@pytest.mark.parametrize(
    ("behind", "roles"),
    [
        (("user:R",), ("user",)),
        (("user:R", "system:S"), ("user", "system")),
        (("system:S", "user:R"), ("user", "system")),
        (("tool:1", "tool:2"), ("tool",)),
    ],
)
def test_turns_behind_the_last_answer_are_left_out_and_noted_by_role(
    behind: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    """A question at the end was counted only where nothing followed it, a tool's result or a system prompt never."""
    first = turns("user:Q", "assistant:A")
    settled = settle([*first, *turns(*behind)])
    assert (settled.turns, settled.notes) == (first, tuple(BEHIND_LAST[role] for role in roles))


def test_an_answer_that_is_only_a_call_or_only_thought_is_an_answer() -> None:
    assert settle(turns("user:Q", "assistant:", tool_calls=[{"name": "f", "arguments": {}}])).dropped is None
    assert settle(turns("user:Q", "assistant:", reasoning="hm")).dropped is None


@pytest.mark.parametrize(
    "cut", ["<think>\nr, and", " <think>", "<|begin_of_thought|>r", "<reasoning>r </think>", "<thinking>r"]
)
def test_an_answer_whose_thinking_never_ends_is_not_learned(cut: str) -> None:
    assert settle(turns("user:Q", f"assistant:{cut}")).dropped == UNFINISHED
    assert settle(turns("user:Q", f"assistant:{cut}", "user:R", "assistant:A")).dropped == UNFINISHED
    unlearned = turns("user:Q", f"assistant:{cut}", train=False)
    assert settle([*unlearned, *turns("user:R", "assistant:A")]).dropped is None


@pytest.mark.parametrize("said", ["<think>r</think>A", "A tag such as <think> opens it", "<think>r</think>A <think>"])
def test_an_answer_that_ends_its_thinking_or_names_a_tag_is_learned(said: str) -> None:
    assert settle(turns("user:Q", f"assistant:{said}")).dropped is None


@pytest.mark.parametrize("nothing", ["", " ", "\u200b", "\ufeff", "\xa0\u2060", "\u200d\n", "\x00", "\u3000"])
def test_what_shows_nothing_is_no_answer_no_question_and_no_text(nothing: str) -> None:
    """Zero-width characters and byte order marks are what a scraper leaves of an empty cell."""
    assert settle(turns("user:Q", f"assistant:{nothing}")).dropped == "empty answer"
    assert settle(turns("user:Q", f"assistant:{nothing}", reasoning=nothing)).dropped == "empty answer"
    assert settle(turns(f"user:{nothing}", "assistant:A")).dropped == "empty prompt"
    assert settle(turns(f"text:{nothing}")).dropped == "empty text"


@pytest.mark.parametrize("word", ["nan", " None\n", "null", "<NA>"])
def test_an_answer_that_is_a_word_for_a_missing_value_is_named(word: str) -> None:
    """What pandas or str() make of an empty cell; it may be meant, too."""
    assert settle(turns("user:Q", f"assistant:{word}")).notes == (NO_VALUE,)
    assert settle(turns("user:nan", "assistant:None of them.")).notes == ()


def test_marks_inside_words_are_text() -> None:
    assert settle(turns("user:\u200bQ", "assistant:\u2764\ufe0f")).dropped is None


def test_a_row_without_an_answer_stays_only_where_the_suite_keeps_it() -> None:
    """Published loops give such rows their place in a batch: leaving them out moves every later batch."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}]
    assert settle(turns).dropped == "empty answer"
    kept = settle(turns, keep_empty=True)
    assert (kept.turns, kept.dropped) == (turns, None)
    assert kept.notes == ("no answer: the row takes its place and teaches nothing",)
    alone = settle(turns[:1], keep_empty=True)
    assert alone.dropped == "question without an answer", "it is no row of such a loop"


@pytest.mark.parametrize(
    ("second", "why", "hint"),
    [
        ({"role": "user", "name": "bob"}, "different names", 'ignore = ["name"] merges'),
        ({"role": "assistant", "train": False}, "is to be learned", 'odd_rows = "drop"'),
        ({"role": "assistant", "reasoning": "hm"}, "thinks or calls", "merge them in the file"),
    ],
)
def test_turns_of_one_role_that_stay_apart_are_refused_with_the_reason(
    second: dict[str, Any], why: str, hint: str
) -> None:
    before = turns("user:Q") if second["role"] == "assistant" else []
    first = {"role": second["role"], "content": "A"}
    with pytest.raises(RowError, match=why) as refused:
        settle([*before, first, {"content": "B", **second}, *turns("user:R", "assistant:C")[len(before) == 0 :]])
    assert hint in str(refused.value.hint)


def test_turns_that_the_suite_does_not_let_merge_name_what_merges_them() -> None:
    with pytest.raises(RowError) as refused:
        settle(turns("user:Q", "user:R", "assistant:A"), merge=False)
    assert 'odd_rows = "repair"' in str(refused.value.hint)
