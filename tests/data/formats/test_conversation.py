"""What a suite decides of a record: reasoning in a field of its own is learned or left out, and counted."""

from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError
from bench.data.formats.placeholders import STANDS_FOR
from bench.data.formats.shapes import recognise

USER = {"role": "user", "content": "2+2?"}
TEXT = {"type": "text", "text": "4"}
ROWS: dict[str, dict[str, Any]] = {
    "key of a message": {"messages": [USER, {"role": "assistant", "content": "4", "reasoning_content": "two and two"}]},
    "part of a message": {
        "messages": [USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "two and two"}, TEXT]}]
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
    settled = Rules(reasoning=choice).read(ROWS[name], shape)
    assert settled.turns[-1] == {"role": "assistant", **answer}
    assert settled.notes == notes


def test_rows_without_reasoning_are_not_counted_as_changed() -> None:
    record = {"messages": [USER, {"role": "assistant", "content": "4"}]}
    shape = recognise([record])
    settled = Rules(reasoning="inline").read(record, shape)
    assert (settled.turns[-1]["content"], settled.notes) == ("4", ())


def test_thoughts_alone_without_their_reasoning_are_no_answer() -> None:
    record = {"messages": [USER, {"role": "assistant", "content": "", "reasoning": "hm"}]}
    shape = recognise([record])
    assert Rules(reasoning="drop").read(record, shape).dropped == "empty answer"


THOUGHT = "<think>\ntwo and\ntwo\n</think>\n\n4"
TWICE: dict[str, dict[str, Any]] = {
    "reasoning_content": {"messages": [USER, {"role": "assistant", "content": THOUGHT, "reasoning_content": "T"}]},
    "reasoning": {"question": "2+2?", "reasoning": "T", "answer": THOUGHT},
    "thinking": {"thinking": "T", "messages": [USER, {"role": "assistant", "content": THOUGHT}]},
}


def filled(record: Any, thought: str) -> Any:
    """A record of `TWICE` with a thought."""
    if isinstance(record, dict):
        return {key: filled(value, thought) for key, value in record.items()}
    if isinstance(record, list):
        return [filled(item, thought) for item in record]
    return thought if record == "T" else record


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize(
    ("choice", "answer"),
    [
        ("template", {"content": "4", "reasoning": "two and two"}),
        ("inline", {"content": "<think>\ntwo and two\n</think>\n\n4"}),
        ("drop", {"content": "4"}),
    ],
)
def test_the_same_thoughts_in_field_and_text_are_one_block(name: str, choice: Any, answer: Any) -> None:
    record = filled(TWICE[name], "two and two")
    shape = recognise([record])
    assert Rules(reasoning=choice).read(record, shape).turns[-1] == {"role": "assistant", **answer}


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("choice", ["template", "inline", "drop"])
def test_other_thoughts_in_the_field_than_in_the_text_refuse_the_row(name: str, choice: Any) -> None:
    record = filled(TWICE[name], "three and one")
    shape = recognise([record])
    with pytest.raises(RowError, match=f"block of thinking in its text, and `{name}` gives another") as caught:
        Rules(reasoning=choice).read(record, shape)
    assert f'ignore = ["{name}"]' in str(caught.value.hint)
    rules = Rules(reasoning=choice, ignore=frozenset({name}))
    visible = rules.visible(record)
    assert rules.read(visible, shape).turns[-1] == {"role": "assistant", "content": THOUGHT}


def test_a_tag_that_an_answer_mentions_is_no_block() -> None:
    record = {"question": "Which tag?", "reasoning": "hm", "answer": "It is <think>."}
    shape = recognise([record])
    assert Rules().read(record, shape).turns[-1]["content"] == "It is <think>."


def test_keys_of_a_message_that_say_the_same_are_one_reasoning() -> None:
    record = {"messages": [USER, {"role": "assistant", "content": "4", "reasoning": "hm", "reasoning_content": "hm "}]}
    shape = recognise([record])
    assert Rules().read(record, shape).turns[-1]["reasoning"].strip() == "hm"


def test_rows_that_keep_their_place_are_marked_for_the_training() -> None:
    """An answer may be there, and be cut away later."""
    shape = recognise([{"instruction": "Q", "output": "A"}])
    for answer in ("A", ""):
        settled = Rules(keep_empty=True).read({"instruction": "Q", "output": answer}, shape)
        assert (settled.dropped, settled.turns[-1].get("kept")) == (None, True)
    assert "kept" not in Rules().read({"instruction": "Q", "output": "A"}, shape).turns[-1]
    assert (
        "kept" not in Rules(keep_empty=True, answered=False).read({"instruction": "Q", "output": "A"}, shape).turns[-1]
    )


@pytest.mark.parametrize(
    ("question", "answer", "noted"),
    [
        ("<image>\nWhat is this?", "A cat.", True),
        ("<|image_1|> What is this?", "A cat.", True),
        ("<|vision_start|><|image_pad|><|vision_end|>Q", "A", True),
        ("Say it: <audio>", "A", True),
        ("What is it? [IMG]", "A", True),
        ("Why does <video src='x'></video> or <video>x</video> not play?", "A", False),
        ("Draw a cat in HTML.", "<img> or <video>", False),
        ("Picture 1: <img>cat.jpg</img>\nWhat is it?", "A cat.", True),
        ("![](data:image/png;base64,iVBOR) What is it?", "A cat.", True),
        ("Is an <images> or [img]x[/img] tag, 1 < 2?", "A", False),
    ],
)
def test_placeholders_of_what_is_not_there_are_noted(question: str, answer: str, noted: bool) -> None:
    """Such rows were learned as questions about nothing."""
    for record in (
        {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]},
        {"instruction": "Q", "input": question, "output": answer},
    ):
        shape = recognise([record])
        assert (STANDS_FOR in Rules().read(record, shape).notes) is noted


@pytest.mark.parametrize(
    ("text", "noted"), [("<image>\nA cat sleeps.", True), ("<audio> Hm.", True), ("[IMG]x.png[/IMG] A cat.", False)]
)
def test_placeholders_in_plain_text_are_noted(text: str, noted: bool) -> None:
    [record] = [{"text": text}]
    shape = recognise([record])
    assert (STANDS_FOR in Rules().read(record, shape).notes) is noted
