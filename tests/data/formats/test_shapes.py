"""A shape that is misread trains the model on the wrong text without a word."""

from typing import Any

import pytest

from bench.data.formats.chat.turns import UNANSWERED, Settled, settle
from bench.data.formats.fields import RowError
from bench.data.formats.shapes import SHAPES, by_columns, recognise
from bench.data.formats.unused import unused_names
from bench.suite.tables.data import Columns

Q_AND_A = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
WITH_INPUT = [{"role": "user", "content": "Q", "input": "I"}, {"role": "assistant", "content": "A"}]
TWO_ROUNDS = [*Q_AND_A, {"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}]

EXAMPLES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "alpaca": ({"instruction": "Q", "input": "I", "output": "A", "text": "x"}, WITH_INPUT),
    "dolly": ({"instruction": "Q", "context": "I", "response": "A", "category": "qa"}, WITH_INPUT),
    "messages": ({"messages": TWO_ROUNDS}, TWO_ROUNDS),
    "prompt-completion": ({"prompt": "Q", "completion": "A"}, Q_AND_A),
    "question-answer": ({"question": "Q", "answer": "A"}, Q_AND_A),
    "lima": ({"conversations": ["Q", "A", "Q2", "A2"], "source": "s"}, TWO_ROUNDS),
    "sharegpt": (
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}], "id": "1"},
        Q_AND_A,
    ),
    "hh-rlhf": (
        {"chosen": "\n\nHuman: Q\n\nAssistant: A\n\nHuman: Q2\n\nAssistant: A2", "rejected": "\n\nHuman: Q"},
        TWO_ROUNDS,
    ),
    "oasst": (
        {
            "message_tree_id": "t",
            "prompt": {
                "role": "prompter",
                "text": "Q",
                "replies": [
                    {"role": "assistant", "text": "worse", "rank": 1, "replies": []},
                    {"role": "assistant", "text": "A", "rank": 0, "replies": []},
                    {"role": "assistant", "text": "unranked", "rank": None},
                ],
            },
        },
        Q_AND_A,
    ),
}


@pytest.mark.parametrize("keys", [("input", "output"), ("human", "assistant"), ("question", "answer")])
@pytest.mark.parametrize("column", ["conversation", "conversations", "messages"])
def test_pairs_of_any_names_are_rounds(column: str, keys: tuple[str, str]) -> None:
    """Those of BELLE were of no known shape."""
    items = [dict(zip(keys, said, strict=True)) for said in (("Q", "A"), ("Q2", "A2"))]
    record = {column: [{**items[0], "mood": "good"}, items[1]]}
    shape = recognise([record])
    assert shape.convert(record) == TWO_ROUNDS
    assert list(unused_names(record, shape)) == ["message key `mood` not used"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_known_shape_becomes_its_conversation(name: str) -> None:
    record, expected = EXAMPLES[name]
    shape = recognise([record])
    assert shape.name == name
    assert shape.convert(record) == expected


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "A"}]},
        {"chosen": Q_AND_A, "rejected": []},
    ],
    ids=["prompt and completion", "chosen"],
)
def test_fields_may_hold_messages_where_trl_has_them(record: dict[str, Any]) -> None:
    shape = recognise([record])
    assert shape.convert(record) == Q_AND_A


@pytest.mark.parametrize("column", ["messages", "conversations", "dialogue"])
@pytest.mark.parametrize("answer", ["response", "completion", "output", "answer"])
def test_the_answer_to_a_conversation_may_be_in_a_column_of_its_own(column: str, answer: str) -> None:
    """Every row was dropped as one without an answer."""
    record = {column: TWO_ROUNDS[:3], answer: "A2"}
    shape = recognise([record])
    assert shape.convert(record) == TWO_ROUNDS
    whole = recognise([{column: TWO_ROUNDS, answer: "positive"}])
    assert answer not in whole.uses


def test_a_users_name_is_no_prompt() -> None:
    """It was trained on as the question, with the question as its input."""
    shape = recognise([record := {"user": "u17", "input": "Q", "output": "A"}])
    assert shape.convert(record) == Q_AND_A


@pytest.mark.parametrize(
    "text", ['{"from": "Paris", "to": "Rome"}', '[{"role": "cook", "content": "x"}]', '{"post": "x", "full": 1}', "[1]"]
)
def test_a_prompt_or_an_answer_that_is_json_is_text(text: str) -> None:
    record = {"prompt": text, "completion": text}
    shape = recognise([record])
    assert [turn["content"] for turn in shape.convert(record)] == [text, text]


def test_consecutive_turns_of_one_speaker_in_hh_are_one_turn() -> None:
    shape = recognise([record := {"chosen": "\n\nHuman: Q\n\nHuman: more\n\nAssistant: A"}])
    assert shape.convert(record) == [{"role": "user", "content": "Q\n\nmore"}, {"role": "assistant", "content": "A"}]


def test_one_odd_first_row_does_not_hide_the_shape_of_the_file() -> None:
    shape = recognise([{"instruction": "Q"}, EXAMPLES["alpaca"][0], EXAMPLES["alpaca"][0]])
    assert shape.name == "alpaca"
    with pytest.raises(RowError, match=r"no field `output` \(fields seen: instruction\)"):
        shape.convert({"instruction": "Q"})


def test_columns_may_hold_messages() -> None:
    """A conversation in a column of an unknown name had no way in."""
    shape = by_columns(Columns(prompt="turns_so_far", completion="reply", system="who"))
    record = {"turns_so_far": TWO_ROUNDS[:3], "reply": TWO_ROUNDS[3], "who": "S"}
    assert shape.convert(record) == [{"role": "system", "content": "S"}, *TWO_ROUNDS]


def test_no_known_field_is_no_shape() -> None:
    assert recognise([{"title": "x"}, "text", None]) is None


def test_the_lines_of_mbpps_tests_are_one_text_and_other_lists_are_none() -> None:
    lines = ["assert double(1) == 2", "assert double(2) == 4"]
    record = {"text": "Write double.", "test_list": lines, "answers": ["two", "2"]}
    (_, tests) = by_columns(Columns(prompt="text", completion="test_list")).convert(record)
    assert tests["content"] == "assert double(1) == 2\nassert double(2) == 4"
    with pytest.raises(RowError, match="not text"):
        by_columns(Columns(prompt="text", completion="answers")).convert(record)


def test_columns_name_any_fields() -> None:
    shape = by_columns(Columns(prompt="ask", completion="say", input="about", system="who"))
    turns = shape.convert({"ask": "Q", "say": "A", "about": "I", "who": "S"})
    assert turns == [{"role": "system", "content": "S"}, *WITH_INPUT]
    with pytest.raises(RowError, match=r"no field `about` \(fields seen: ask, say, who\)"):
        shape.convert({"ask": "Q", "say": "A", "who": "S"})


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"instruction": "Q", "output": {"a": 7}}, "`output` is an object, not text"),
        ({"instruction": ["Q"], "output": "A"}, "`instruction` is a list, not text"),
        ({"messages": "Q"}, "not a list of turns"),
        ({"messages": ["Q"]}, "turn 1 is text, not an object"),
        ({"conversations": [{"from": "human"}]}, r"turn 1: no field `value` \(fields seen: from\)"),
        ({"conversations": ["Q", None]}, "turn 2 is null, not text"),
        ({"messages": [{"role": "narrator", "content": "Q"}]}, "unknown role 'narrator'"),
        ({"messages": [{"content": "Q"}]}, r"no field `role` \(fields seen: content\)"),
        ({"conversations": ["Q", ["A"]]}, "turn 2 is a list, not text"),
        ({"chosen": "Human says Q"}, "does not begin with a turn `Human:`"),
    ],
)
def test_a_row_that_breaks_its_shape_says_how(record: dict[str, Any], says: str) -> None:
    shape = recognise([record])
    with pytest.raises(RowError, match=says):
        shape.convert(record)


@pytest.mark.parametrize("answer", ["", "  \n", None])
def test_an_empty_answer_is_dropped(answer: str | None) -> None:
    shape = recognise([record := {"instruction": "Q", "output": answer}])
    assert settle(shape.convert(record)).dropped == "empty answer"


def test_an_empty_prompt_is_dropped_unless_its_input_asks() -> None:
    assert settle([{"role": "user", "content": " "}, Q_AND_A[1]]).dropped == "empty prompt"
    assert settle([{"role": "user", "content": "", "input": "I"}, Q_AND_A[1]]).dropped is None


def test_a_question_without_an_answer_is_left_off_the_end_and_named() -> None:
    assert settle([*Q_AND_A, {"role": "user", "content": "bye"}]) == Settled(turns=Q_AND_A, notes=(UNANSWERED,))
    assert settle([{"role": "user", "content": "Q"}]).dropped == "question without an answer"


@pytest.mark.parametrize("roles", [("assistant",), ("assistant", "user", "assistant"), ("system", "assistant")])
def test_an_answer_to_nothing_is_dropped(roles: tuple[str, ...]) -> None:
    """Much of what people shared of their chats begins with the model: such a row must not refuse the whole file."""
    assert settle([{"role": role, "content": "x"} for role in roles]).dropped == "no opening prompt"


@pytest.mark.parametrize(
    "roles", [("user", "user", "assistant"), ("user", "assistant", "assistant"), ("user", "system", "assistant")]
)
def test_turns_out_of_order_are_an_error(roles: tuple[str, ...]) -> None:
    with pytest.raises(RowError, match="turn 2 is of" if roles[1] == "system" else "turn [23] is of"):
        settle([{"role": role, "content": "x"} for role in roles], merge=False)


def test_plain_text_is_one_turn_of_its_own_kind_and_never_mistaken_for_a_conversation() -> None:
    shape = recognise([{"text": "Once upon a time.", "source": "books"}])
    assert settle(shape.convert({"text": "Once."})) == Settled(turns=[{"role": "text", "content": "Once."}])
    assert settle(shape.convert({"text": " \n"})).dropped == "empty text"
    both = recognise([{"instruction": "Q", "output": "A", "text": "### Q\n### A"}])
    assert both.name == "alpaca", "Alpaca's own file carries its rendered text, too"


def test_a_column_can_be_named_as_plain_text() -> None:
    shape = by_columns(Columns(text="body"))
    assert shape.convert({"body": "Once.", "title": "x"}) == [{"role": "text", "content": "Once."}]
    for wrong in ({"text": "a", "prompt": "b"}, {"prompt": "a"}, {}):
        with pytest.raises(ValueError, match=r"text|prompt"):
            Columns(**wrong)


def test_a_prompt_of_text_among_trees_is_no_empty_answer() -> None:
    """It was dropped as one without an answer, and nobody was told that the file mixes two layouts."""
    trees = next(shape for shape in SHAPES if shape.name == "oasst")
    with pytest.raises(RowError, match="field `prompt` is text, not an object with role, text and replies"):
        trees.convert({"prompt": "Q", "completion": "A"})


@pytest.mark.parametrize(
    "text",
    ["['a', 'b'] is a list", "['a', 'b']", "{'a': 1}", "[{'from': 'Paris', 'to': 'Rome'}]", "['a' 'b' \\d", "[" * 5000],
)
def test_a_text_that_python_could_read_is_text(text: str) -> None:
    shape = recognise([record := {"prompt": text, "completion": text}])
    assert [turn["content"] for turn in shape.convert(record)] == [text, text]


def test_a_conversation_as_pandas_writes_it_into_csv_is_read() -> None:
    record = {"conversations": str([{"from": "human", "value": 'It\'s "Q"\n'}, {"from": "gpt", "value": "A"}])}
    shape = recognise([record])
    assert [turn["content"] for turn in shape.convert(record)] == ['It\'s "Q"\n', "A"]
