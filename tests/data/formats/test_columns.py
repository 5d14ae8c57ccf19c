"""Columns beside a conversation: each is used, known to mean nothing, or reported."""

import json
from typing import Any

import pytest

from bench.data.formats.chat.turns import Settled
from bench.data.formats.columns import COLUMNS, ColumnMeaning
from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError
from bench.data.formats.shapes import by_columns, recognise
from bench.data.formats.unused import unused_names, worth_reporting
from bench.suite.tables.data import Columns
from tests.data.formats.read_record import MESSAGES, Q_AND_A, read, roles_and_texts

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

ANTHROPIC_TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    "record",
    [
        {"instruction": "Q", "input": "I", "response": "A"},
        {"instruction": "Q", "context": "I", "output": "A"},
        {"question": "Q", "context": "I", "answer": "A"},
        {"prompt": "Q", "input": "I", "completion": "A"},
        {"query": "Q", "input": "I", "response": "A"},
        {"problem": "Q", "context": "I", "solution": "A"},
    ],
)
def test_the_input_or_context_of_a_question_is_part_of_the_prompt(record: dict[str, Any]) -> None:
    assert roles_and_texts(record) == [("user", "Q|I"), ("assistant", "A")]


@pytest.mark.parametrize("name", [name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.SYSTEM])
@pytest.mark.parametrize("record", [{"question": "Q", "response": "A"}, {"messages": MESSAGES}])
def test_a_system_column_is_the_system_prompt(name: str, record: dict[str, Any]) -> None:
    assert roles_and_texts({**record, name: "S"}) == [("system", "S"), ("user", "Q"), ("assistant", "A")]
    assert roles_and_texts({**record, name: ""}) == [("user", "Q"), ("assistant", "A")]


def test_a_system_prompt_that_stands_twice_is_said_once_and_two_are_both_said() -> None:
    record = {"messages": [{"role": "system", "content": "S"}, *MESSAGES]}
    assert roles_and_texts({**record, "system": "S"})[0] == ("system", "S")
    assert roles_and_texts({**record, "system": "T"})[0] == ("system", "T\n\nS")


@pytest.mark.parametrize(
    "history",
    [[["Q0", "A0"]], '[["Q0", "A0"]]', [{"role": "user", "content": "Q0"}, {"role": "assistant", "content": "A0"}]],
)
def test_a_history_stands_before_the_question(history: Any) -> None:
    turns = roles_and_texts({"instruction": "Q", "output": "A", "history": history, "system": "S"})
    expected = [("system", "S"), ("user", "Q0"), ("assistant", "A0"), ("user", "Q"), ("assistant", "A")]
    assert turns == expected


def test_a_history_that_cannot_be_read_refuses_the_row() -> None:
    with pytest.raises(RowError, match="not pairs"):
        read({"instruction": "Q", "output": "A", "history": ["Q0", "A0", "Q1"]})


def test_a_conversation_beside_the_preferred_one_must_be_in_it() -> None:
    """Its own answer was left out without a word."""
    question, other = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "B"}
    for messages in (MESSAGES, [question]):
        record = {"messages": messages, "chosen": MESSAGES, "rejected": [question, other]}
        assert roles_and_texts(record) == [("user", "Q"), ("assistant", "A")]
    with pytest.raises(RowError, match="`messages` ends with an answer, and `chosen` holds another"):
        read({"messages": [question, other], "chosen": MESSAGES})
    with pytest.raises(RowError, match="`messages` is not in the conversation of `chosen`"):
        read({"messages": [{"role": "user", "content": "Another question"}], "chosen": MESSAGES})


@pytest.mark.parametrize("value", [True, "off", "disabled", 0])
def test_a_switch_in_a_column_of_reasoning_is_no_thought(value: Any) -> None:
    """Llama-Nemotron's rows say on or off: the model would learn to think "off"."""
    with pytest.raises(RowError, match=r"`reasoning` is .*: whether or how much is thought, no thought") as caught:
        read({"prompt": "Q", "completion": "A", "reasoning": value})
    assert 'ignore = ["reasoning"]' in str(caught.value.hint)


@pytest.mark.parametrize(
    "value", [{"bytes": b"x", "path": None}, {"bytes": None, "path": "x.png"}, [{"bytes": b"x", "path": ""}], b"x"]
)
def test_the_content_of_files_is_refused_whatever_its_column_is_called(value: Any) -> None:
    record = {"prompt": "Q", "completion": "A", "picture": value}
    with pytest.raises(RowError, match="column `picture` holds the content of files"):
        read(record)
    assert read(record, ignore=["picture"]).dropped is None
    assert read({"prompt": "Q", "completion": "A", "picture": {"bytes": None, "path": None}}).dropped is None


def test_calls_in_a_column_beside_the_answer_are_refused_and_an_empty_list_in_a_cell_is_none() -> None:
    for name in ("tool_calls", "function_call"):
        record = {"prompt": "Q", "completion": "A", name: '[{"name": "f", "arguments": {}}]'}
        with pytest.raises(RowError, match=f"column `{name}` cannot be honoured"):
            read(record)
        assert read({**record, name: "[]"}).dropped is None
    assert read({"prompt": "Q", "completion": "A", "images": "[]"}).dropped is None


@pytest.mark.parametrize("name", [name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.REFUSED])
def test_a_column_that_cannot_be_honoured_is_refused_ignored_or_left_out_as_the_suite_says(name: str) -> None:
    record = {"messages": MESSAGES, name: ["a.png"]}
    with pytest.raises(RowError, match=f"column `{name}` cannot be honoured"):
        read(record)
    for nothing in ([], {"bytes": None, "path": None}, [None], float("nan")):
        assert read({**record, name: nothing}).dropped is None
    assert read(record, ignore=[name]) == Settled(turns=Q_AND_A)
    assert read(record, leave_out=[name]).dropped == f"with {name}"


def test_keys_of_messages_in_json_text_are_ignored_or_left_out_as_others_are() -> None:
    """As a cell of a CSV holds them: there `leave_out` left nothing out."""
    record = {"messages": json.dumps([MESSAGES[0], {**MESSAGES[1], "weight": 0.3}])}
    assert read(record, ignore=["weight"]) == Settled(turns=Q_AND_A)
    assert read(record, leave_out=["weight"]).dropped == "with weight"
    answer = '[{"weight": 0.3}]'
    turns = read({"prompt": "Q", "completion": answer}, ignore=["weight"]).turns
    assert turns[-1]["content"] == answer, "an answer that is JSON stays as it is"


@pytest.mark.parametrize("tools", [[TOOL], [TOOL["function"]], [ANTHROPIC_TOOL], f"[{__import__('json').dumps(TOOL)}]"])
@pytest.mark.parametrize("name", ["tools", "functions"])
def test_tools_reach_the_first_turn(name: str, tools: Any) -> None:
    assert read({"messages": MESSAGES, name: tools}).turns[0]["tools"] == [TOOL]
    assert "tools" not in read({"messages": MESSAGES, name: "[]"}).turns[0]


def test_rows_with_a_key_or_a_role_can_be_left_out() -> None:
    called = [{"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {}}]}]
    record = {"messages": [MESSAGES[0], *called, {"role": "tool", "content": "x"}, MESSAGES[1]]}
    for name in ("tool_calls", "tool"):
        assert read(record, leave_out=[name]).dropped == f"with {name}"
    assert read({"messages": MESSAGES}, leave_out=["tool_calls", "tool"]).dropped is None


def test_columns_that_a_suite_names_are_the_only_texts() -> None:
    shape = by_columns(Columns(prompt="ask", completion="say"))
    record = {"ask": "Q", "say": "A", "system": "S", "input": "I", "history": "H", "label": True}
    assert Rules().read(record, shape).turns == Q_AND_A
    assert sorted(unused_names(record, shape)) == [
        "column `history` not used", "column `input` not used", "column `system` not used",
    ]  # fmt: skip
    assert Rules().read({**record, "label": False}, shape).dropped == "label is false"


def test_keys_of_pairs_that_nothing_reads_are_named() -> None:
    record = {"conversation": [{"input": "Q", "output": "A", "system": "S", "id": 1, "mood": None}]}
    shape = recognise([record])
    assert list(unused_names(record, shape)) == ["message key `system` not used"]


def test_what_plain_text_does_not_read_is_named() -> None:
    record = {"text": "Once.", "tools": [TOOL], "system": "S", "history": [["Q", "A"]], "reasoning": "R", "id": 1}
    shape = recognise([record])
    names = [f"column `{name}` not used" for name in ("history", "reasoning", "system", "tools")]
    assert sorted(unused_names(record, shape)) == names
    assert sorted(unused_names(record, by_columns(Columns(text="text")))) == names


def test_reasoning_in_a_column_and_in_the_message_is_said_once_or_refused() -> None:
    """That of the column was dropped."""
    messages = [MESSAGES[0], {**MESSAGES[1], "reasoning_content": "one  and one"}]
    assert read({"messages": messages, "reasoning": "one and one"}).turns[-1]["reasoning"] == "one and one"
    with pytest.raises(RowError, match="`reasoning` and the last message give different reasoning"):
        read({"messages": messages, "reasoning": "two"})


def test_only_what_is_filled_and_unknown_is_named() -> None:
    record = {"messages": [{**MESSAGES[0], "mood": "glad", "id": 3}, MESSAGES[1]], "rubric": "r", "id": 1, "x": None}
    shape = recognise([record])
    assert list(unused_names(record, shape)) == ["column `rubric` not used", "message key `mood` not used"]


def test_a_name_in_a_few_rows_of_many_is_an_oddity_of_theirs() -> None:
    from collections import Counter

    assert worth_reporting(Counter(a=3, b=4), 1000) == {"b": 4}
    assert worth_reporting(Counter(a=2), 2) == {"a": 2}


@pytest.mark.parametrize("name", ["source", "task", "topic", "language", "is_safe"])
def test_a_column_that_may_belong_to_the_prompt_is_named_as_unused(name: str) -> None:
    record = {"instruction": "Translate to English", name: "chat noir", "target": "black cat"}
    shape = recognise([record])
    assert f"column `{name}` not used" in set(unused_names(record, shape))


@pytest.mark.parametrize(
    ("column", "value", "spoken_of"),
    [("Weight", 0, "weight"), ("KEEP", False, "keep"), ("System", "S", "system"), (" tools", [TOOL], "tools"),
     ("Loss-Mask", [0, 1], "loss_mask"), ("Label", False, "label")],
)  # fmt: skip
def test_a_column_in_other_letters_that_would_change_what_is_learned_is_refused(
    column: str, value: Any, spoken_of: str
) -> None:
    with pytest.raises(RowError, match=f"`{column}` is not read, `{spoken_of}` would be"):
        read({"prompt": "Q", "completion": "A", column: value})
    assert read({"prompt": "Q", "completion": "A", column: value}, ignore=[column]) == Settled(turns=Q_AND_A)


@pytest.mark.parametrize(
    ("column", "value"),
    [("Weight", 1), ("Loss", 2.3), ("Keep", "the third"), ("Label", "art"), ("System", ""), ("ID", 3)],
)
def test_a_column_in_other_letters_that_changes_nothing_is_no_fault(column: str, value: Any) -> None:
    assert read({"prompt": "Q", "completion": "A", column: value}) == Settled(turns=Q_AND_A)


def test_a_text_with_an_answer_beside_it_is_a_prompt_or_plain_text_as_the_suite_says() -> None:
    """The question was learned as plain text, and its answer was not."""
    record = {"text": "What is it?", "response": "It is this."}
    with pytest.raises(RowError, match="`text` would be learned as plain text, and `response` beside it"):
        read(record)
    assert read(record, ignore=["response"]).turns == [{"role": "text", "content": "What is it?"}]
    asked = Rules().read(record, by_columns(Columns(prompt="text", completion="response")))
    assert [turn["content"] for turn in asked.turns] == ["What is it?", "It is this."]
    for beside in ({"response": "is it"}, {"target": 1}, {"target": "1"}, {"answer": ""}):
        assert read({"text": "What is it?", **beside}).turns == [{"role": "text", "content": "What is it?"}]
