"""What a suite decides of a record: reasoning in a field of its own is learned or left out, and counted."""

from __future__ import annotations

from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.formats.shapes import recognise

USER = {"role": "user", "content": "2+2?"}
TEXT = {"type": "text", "text": "4"}
ROWS: dict[str, dict[str, Any]] = {
    "key of a message": {"messages": [USER, {"role": "assistant", "content": "4", "reasoning_content": "two and two"}]},
    "part of a message": {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "two and two"}, TEXT],
            },
        ]
    },
    "column": {"question": "2+2?", "reasoning": "two and two", "answer": "4"},
    "column beside messages": {"thinking": "two and two", "messages": [USER, {"role": "assistant", "content": "4"}]},
    "chosen": {"prompt": [USER], "chosen": [{"role": "assistant", "content": "4", "thinking": "two and two"}]},
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    ("choice", "answer", "notes"),
    [
        ("inline", {"content": "<think>\ntwo and two\n</think>\n\n4"}, ("reasoning put into the answer's text",)),
        ("drop", {"content": "4"}, ("reasoning left out",)),
        ("template", {"content": "4", "reasoning": "two and two"}, ()),
    ],
)
def test_reasoning_goes_where_the_suite_says(name: str, choice: Any, answer: Any, notes: tuple[str, ...]) -> None:
    """Under a template without a place for it such rows could not be trained on at all."""
    shape = recognise([ROWS[name]])
    assert shape is not None
    settled = Rules(reasoning=choice).read(ROWS[name], shape)
    assert settled.turns[-1] == {"role": "assistant", **answer}
    assert settled.notes == notes


def test_rows_without_reasoning_are_not_counted_as_changed() -> None:
    record = {"messages": [USER, {"role": "assistant", "content": "4"}]}
    shape = recognise([record])
    assert shape is not None
    settled = Rules(reasoning="inline").read(record, shape)
    assert (settled.turns[-1]["content"], settled.notes) == ("4", ())


def test_thoughts_alone_without_their_reasoning_are_no_answer() -> None:
    record = {"messages": [USER, {"role": "assistant", "content": "", "reasoning": "hm"}]}
    shape = recognise([record])
    assert shape is not None
    assert Rules(reasoning="drop").read(record, shape).dropped == "empty answer"
