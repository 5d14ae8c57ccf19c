"""Channels and recipients of messages (gpt-oss's harmony): one turn of the assistant comes as several messages.

Contract: an analysis is the reasoning of the answer or call behind it, a message to a function is a call, commentary to
the user is text; a message to anything else is refused with `RowError`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.data.formats.chat.thoughts import joined
from bench.data.formats.chat.tools import call_list
from bench.data.formats.chat.turns import Turns
from bench.data.formats.fields import RowError, is_filled, parsed

ROUTES = ("channel", "recipient")
_FUNCTIONS = "functions."
_THOUGHT = "analysis"
_TO_THE_USER = {"channel": ("final", "commentary"), "recipient": ("all", "user")}


def by_channel(read: Iterable[tuple[Mapping[str, Any], Turns]]) -> Turns:
    """The turns of messages, each with what it became, as turns of a conversation without channels."""
    turns: Turns = []
    thoughts: list[str] = []
    for item, new in read:
        last = new[-1]
        if last["role"] != "assistant":
            _check_followed(thoughts)
            turns += [*new[:-1], _without_namespace(last)]
            continue
        if _route(item, "channel") == _THOUGHT and not _names_function(item):
            if not last.get("train", True):
                raise RowError("data.weight", "a thought is learned with its answer: no weight of its own is honoured")
            thoughts.append(last["content"])
            continue
        last = _call(item, last) if _names_function(item) else _to_the_user(item, last)
        last, thoughts = _with_thoughts(last, thoughts), []
        if _names_function(item) and turns and _is_told_before(turns[-1], last):
            told = turns.pop()  # what the user is told before the call
            last = {**_with_thoughts(last, [told.get("reasoning", "")]), "content": told["content"]}
        turns.append(last)
    _check_followed(thoughts)
    return turns


def _is_told_before(turn: Mapping[str, Any], call: Mapping[str, Any]) -> bool:
    """Whether a turn is text of the assistant's that belongs to its call."""
    alike = turn.get("train", True) == call.get("train", True)
    return alike and turn["role"] == "assistant" and not turn.get("tool_calls")


def _with_thoughts(turn: dict[str, Any], before: Sequence[str]) -> dict[str, Any]:
    """The turn with these thoughts before its own."""
    texts = [text for text in (*before, turn.get("reasoning", "")) if text]
    return {**turn, "reasoning": joined(texts)} if texts else turn


def _to_the_user(item: Mapping[str, Any], turn: dict[str, Any]) -> dict[str, Any]:
    """The turn, which is an answer. Raises `RowError` for a message to anything else."""
    for key in ROUTES:
        if _route(item, key) not in ("", *_TO_THE_USER[key]):
            raise _not_for_the_user(key, item[key])
    return turn


def _without_namespace(turn: dict[str, Any]) -> dict[str, Any]:
    """The turn of a tool under the name that it is called by."""
    return {**turn, "name": turn["name"].removeprefix(_FUNCTIONS)} if "name" in turn else turn


def _route(item: Mapping[str, Any], key: str) -> str:
    return str(item[key]).strip().lower() if is_filled(item.get(key)) else ""


def _names_function(item: Mapping[str, Any]) -> bool:
    return _route(item, "recipient").startswith(_FUNCTIONS)


def _call(item: Mapping[str, Any], turn: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(parsed(turn["content"]), dict):
        raise _not_for_the_user("recipient", item["recipient"])
    call = {"name": str(item["recipient"]).strip()[len(_FUNCTIONS) :], "arguments": turn["content"]}
    return {**turn, "content": "", "tool_calls": [*turn.get("tool_calls", ()), *call_list(call)]}


def _check_followed(thoughts: list[str]) -> None:
    if thoughts:
        raise RowError("data.not-honoured", f"`channel` is {_THOUGHT!r}, and no answer or call follows the thought")


def _not_for_the_user(key: str, value: object) -> RowError:
    what = f"`{key}` is {value!r}: a thought or a call, which `reasoning_content` and `tool_calls` would hold"
    hint = f'leave it out with ignore = ["{key}"], or such rows with leave_out = ["{key}"]'
    return RowError("data.not-honoured", what, hint)
