"""OASST's message table: conversations must come out whole and on the best ranked path."""

import random
from typing import Any

from bench.data.formats.chat.turns import settle
from bench.data.formats.fields import RowError
from bench.data.formats.oasst_trees import trees
from bench.data.formats.shapes import recognise


def _message(name: str, parent: str | None, text: str, **more: Any) -> dict[str, Any]:
    role = more.pop("role", "prompter" if text.startswith("Q") else "assistant")
    return {"message_id": name, "parent_id": parent, "role": role, "text": text, "rank": None, "lang": "en", **more}


MESSAGES = [
    _message("a", None, "Q1"),
    _message("b", "a", "A worse", rank=1),
    _message("c", "a", "A better", rank=0),
    _message("d", "c", "Q2"),
    _message("e", "d", "A end", rank=0),
    _message("f", None, "Q other"),
    _message("g", "f", "A only"),
    _message("h", "gone", "Q lost"),
    _message("i", "f", "A taken back", rank=-1, deleted=True),
]


def _conversations(messages: list[Any]) -> list[tuple[int, list[str]]]:
    shape = recognise(messages)
    assert shape.assemble is not None
    found = []
    for row, record in shape.assemble(enumerate(messages, start=1)):
        settled = settle(shape.convert(record))
        assert settled.dropped is None
        found.append((row, [turn["content"] for turn in settled.turns]))
    return found


def test_each_root_gives_the_conversation_along_the_best_ranked_replies() -> None:
    assert _conversations(MESSAGES) == [(1, ["Q1", "A better", "Q2", "A end"]), (6, ["Q other", "A only"])]


def test_a_csv_file_of_messages_gives_the_same_conversations() -> None:
    """Ranks and flags are text there: a deleted message was a reply like any other."""
    cells = [{name: "" if value is None else str(value) for name, value in message.items()} for message in MESSAGES]
    assert _conversations(cells) == _conversations(MESSAGES)


def test_the_order_of_messages_does_not_matter() -> None:
    shuffled = list(MESSAGES)
    random.Random(1).shuffle(shuffled)
    assert sorted(text for _, text in _conversations(shuffled)) == sorted(text for _, text in _conversations(MESSAGES))


def test_a_message_without_text_is_told_with_its_row() -> None:
    broken: list[Any] = [*MESSAGES[:1], {"message_id": "x", "parent_id": "a", "role": "assistant"}, "oops"]
    faults = [(row, record.what) for row, record in trees(enumerate(broken, start=1)) if isinstance(record, RowError)]
    assert [row for row, _ in faults] == [2, 3]
    assert "no field `text`" in faults[0][1]


def test_a_conversation_may_be_deeper_than_the_stack() -> None:
    deep = [_message("0", None, "Q0")]
    deep += [_message(str(n), str(n - 1), f"{'A' if n % 2 else 'Q'}{n}") for n in range(1, 4000)]
    [(_, turns)] = _conversations(deep)
    assert len(turns) == 4000
