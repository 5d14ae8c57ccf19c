"""What models write when asked for a form: a broken reply must be read where that is safe, and never be guessed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.endpoint.parsing import read_items, read_json, read_score


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure!\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('```\n{"a": [1, 2,],}\n```', {"a": [1, 2]}),
        ('{"url": "http://x", /* why */ "b": 2 // note\n}', {"url": "http://x", "b": 2}),
        ('As [I said] before: {"a": "two\nlines"}. Done {really}.', {"a": "two\nlines"}),
        ('<think>{"a": 0}</think>{"a": 1}', {"a": 1}),
        ('{"a": "keeps, ] commas ,}"}', {"a": "keeps, ] commas ,}"}),
        ("no JSON here", None),
        ('{"a": {"b": 1}, "c": tru', None),
        ("", None),
    ],
)
def test_json_is_found(text: str, value: Any) -> None:
    assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('{"tasks": [{"a": 1}]}', [{"a": 1}]),
        ('```json\n[{"a": 1},\n {"a": 2},\n {"a": "cut o', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}', [{"a": 1}]),
        ("1. First thing\n2) Second\n   - with detail\n", ["First thing", "Second\n   - with detail"]),
        ("Here:\n- one\n- two", ["one", "two"]),
        ("I cannot do that.", []),
    ],
)
def test_lists_are_found_whole_or_cut(text: str, items: list[Any]) -> None:
    assert read_items(text) == items


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"score": 7}', 7),
        ('{"reason": "score 3 at first", "score": "8.5"}', 8.5),
        ("Rating: [[8]]", 8),
        ("**Score:** 9", 9),
        ("Score: 7/10", 7),
        ("7", 7),
        ("Score is 4 out of 10.", 4),
        ("<think>Score: 2</think>Score: 5", 5),
        ("Score: 3\nOn reflection, score: 4", None),
        ("Score: 70/100", None),
        ("Score: 11", None),
        ('{"score": true}', None),
        ("I would give 7 of them a pass", None),
        ("", None),
    ],
)
def test_scores_are_read_or_not_at_all(text: str, score: float | None) -> None:
    assert read_score(text, low=1, high=10) == score


@given(st.text())
def test_nothing_that_a_model_says_breaks_the_reading(text: str) -> None:
    read_json(text)
    read_items(text)
    read_score(text, low=1, high=10)


_values = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.text(), _values, min_size=1, max_size=3), min_size=1, max_size=4))
def test_json_in_a_fence_comes_back_as_it_was(value: list[Any]) -> None:
    if "```" not in json.dumps(value) and "<think" not in json.dumps(value).lower():
        assert read_json(f"Here you are:\n```json\n{json.dumps(value)}\n```") == value
