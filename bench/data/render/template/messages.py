"""Turns as templates read them."""

from collections.abc import Sequence
from typing import Any

from bench.data.render.row import Turn
from bench.data.render.thinking import thoughts_and_answer
from bench.suite.catalog.template import MessageFields

_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
"""The names under which templates read reasoning; transformers, too, gives it under each."""


def has_thinking(turn: Turn) -> bool:
    """Whether a turn has thinking, in its own field or between tags in its text."""
    return bool((turn.reasoning or "").strip() or thoughts_and_answer(turn.content)[0])


def with_thoughts_apart(turn: Turn) -> Turn:
    """An assistant's turn with the block of thinking of its text in the field for it."""
    thought, answer = thoughts_and_answer(turn.content)
    if turn.role != "assistant" or answer == turn.content:
        return turn
    return turn.model_copy(update={"reasoning": thought or None, "content": answer.lstrip("\n")})


def message_of(turn: Turn) -> MessageFields:
    """A turn's fields."""
    message: dict[str, Any] = {"role": turn.role, "content": turn.content}
    for key in ("input", "name", "tool_call_id"):
        if (value := getattr(turn, key)) is not None:
            message[key] = value
    if turn.reasoning is not None:
        message |= dict.fromkeys(_REASONING_KEYS, turn.reasoning)
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **({} if call.id is None else {"id": call.id}),
            }
            for call in turn.tool_calls
        ]
    return message


def without_system(messages: Sequence[MessageFields]) -> list[MessageFields]:
    """The messages with the system's text, which is the first, put before the first other."""
    system, *rest = messages
    if not rest:
        return [{**system, "role": "user"}]
    return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
