"""Calls of tools and their results, in every notation."""

from typing import Any

import pytest

from bench.data.formats.chat.messages import CALLERS, ROLES, message_turns
from bench.data.formats.fields import RowError
from tests.data.formats.chat.one_turn import said


@pytest.mark.parametrize(
    "call",
    [
        {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]},
        {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1, "unused": None}}}]},
        {"tool_calls": '[{"id": "c1", "name": "f", "arguments": {"a": 1}}]'},
        {"function_call": {"id": "c1", "name": "f", "arguments": '{"a": 1}'}},
        {"tool_calls": [{"id": "c1", "type": "tool_call", "name": "f", "args": {"a": 1}}]},
        {"tool_calls": [{"id": "c1", "name": "f", "input": {"a": 1}}]},
        {"tool_calls": [{"id": "c1", "function": {"name": "f"}, "arguments": {"a": 1}}]},
    ],
)
def test_calls_of_every_notation_are_one(call: dict[str, Any]) -> None:
    turn = message_turns([{"role": "assistant", "content": None, **call}])[0]
    assert turn == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"name": "f", "arguments": {"a": 1}, "id": "c1"}],
    }
    assert message_turns([{"role": "assistant", **call}]) == [turn], "a message that only calls may lack its content"


@pytest.mark.parametrize(
    ("calls", "arguments"),
    [
        ([{"name": "f", "arguments": '{"a": null}'}], {"a": None}),
        ('[{"name": "f", "arguments": {"a": null}}]', {"a": None}),
        ([{"name": "f", "arguments": {"a": None}}], {}),
    ],
)
def test_a_null_in_json_text_is_an_argument_and_one_in_a_table_is_none(calls: Any, arguments: dict[str, Any]) -> None:
    """A table of columns fills an object with what other rows have; nothing fills a text."""
    assert said(content="", tool_calls=calls)["tool_calls"] == [{"name": "f", "arguments": arguments}]


def test_calls_and_results_that_are_parts_of_content_are_turns_of_their_own() -> None:
    """Anthropic's notation: results come in the user's message, before what the user says."""
    call = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "18 C"}]}
    thought = {"type": "thinking", "thinking": "hm", "signature": "x"}
    conversation = [
        {"role": "assistant", "content": [thought, {"type": "text", "text": "Let me look."}, call]},
        {"role": "user", "content": [result]},
        {"role": "user", "content": [{**result, "content": "19 C"}, {"type": "text", "text": "Well?"}]},
    ]
    assert message_turns(conversation) == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning": "hm",
            "tool_calls": [{"name": "f", "arguments": {"a": 1}, "id": "c1"}],
        },
        {"role": "tool", "content": "18 C", "tool_call_id": "c1"},
        {"role": "tool", "content": "19 C", "tool_call_id": "c1"},
        {"role": "user", "content": "Well?"},
    ]
    with pytest.raises(RowError, match="what a tool returned, in a turn of assistant"):
        said(content=[result])
    with pytest.raises(RowError, match="tool calls in a turn of user"):
        message_turns([{"role": "user", "content": [call]}])


@pytest.mark.parametrize("speaker", sorted(CALLERS))
def test_a_speaker_whose_text_is_a_call_is_the_assistant(speaker: str) -> None:
    [turn] = message_turns([{"from": speaker, "value": '{"name": "f", "arguments": {"a": "b"}}'}])
    assert turn == {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {"a": "b"}}]}


@pytest.mark.parametrize("speaker", [name for name, role in ROLES.items() if role == "tool"])
def test_results_of_tools_are_context(speaker: str) -> None:
    message = {"role": speaker, "content": "18 C", "name": "f", "tool_call_id": "c1"}
    assert message_turns([message]) == [{"role": "tool", "content": "18 C", "name": "f", "tool_call_id": "c1"}]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ([{"function": {"arguments": {}}}], "names no function"),
        ([7], "a tool call is a number"),
        ([{"name": "f", "arguments": [1]}], "are a list, not an object"),
        ([{"name": "f", "arguments": 0}], "are a number, not an object"),
        ([{"name": "f", "arguments": {}, "result": 5}], "key `result` of a call of `f` is not read"),
        ([{"function": {"name": "f", "payload": {"a": 1}}}], "key `payload` of a call of `f` is not read"),
        ([{"name": "f", "arguments": {"a": 1}, "input": {"a": 2}}], "has two different arguments"),
    ],
)
def test_a_call_that_cannot_be_read_refuses_the_row(call: Any, says: str) -> None:
    with pytest.raises(RowError, match=says):
        said(tool_calls=call)


@pytest.mark.parametrize(
    ("content", "text"),
    [({"degrees": 18}, '{"degrees": 18}'), ([{"city": "Zürich"}], '[{"city": "Zürich"}]'), (18, "18"),
     ([{"type": "text", "text": "18 C"}], "18 C")],
)  # fmt: skip
def test_what_a_tool_returns_may_be_any_value(content: Any, text: str) -> None:
    assert message_turns([{"role": "tool", "content": content}]) == [{"role": "tool", "content": text}]


def test_thoughts_and_calls_belong_to_the_assistant() -> None:
    for key, value in (("reasoning", "hm"), ("tool_calls", [{"name": "f", "arguments": {}}])):
        with pytest.raises(RowError, match="in a turn of user"):
            message_turns([{"role": "user", "content": "Q", key: value}])
