"""What a message's content says where it is a list of parts: texts, thoughts, calls of tools, and what tools returned.

Contract: `said_in` reads each part by its type (OpenAI's, Anthropic's) or raises `RowError`: an image, a sound or a
file is never passed over.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.data.formats.chat.tools import call_list
from bench.data.formats.fields import RowError, as_text, is_filled, is_text_part, kind_of

_DROP_HINT = 'odd_rows = "drop" leaves such rows out and counts them'


_OF_TEXT = frozenset({"type", "text", "annotations", "citations", "cache_control", "logprobs", "id", "index"})
"""Keys of a part of text that are read, or that no template prints."""


@dataclass(slots=True)
class Said:
    """The content of one message."""

    text: str = ""
    thought: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    """What tools returned, as turns of theirs, where the message brings it (Anthropic)."""


def said_in(value: object, *, by_tool: bool = False) -> Said:
    """What a content says: parts of text are joined, as are parts of thinking. What a tool says may be any value, as
    its JSON text."""
    if by_tool and (isinstance(value, dict) or (isinstance(value, list) and not all(map(_is_part, value)))):
        return Said(text=json.dumps(value, ensure_ascii=False))
    value = [value] if isinstance(value, dict) and "type" in value else value  # a part alone
    if not isinstance(value, list):
        return Said(text=as_text(value, "field `content`"))
    said = Said()
    thoughts: list[str] = []
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(part, str) or is_text_part(part):
            said.text += part if isinstance(part, str) else _text_of(part)
        elif kind in ("thinking", "reasoning"):
            thoughts.append(_thought(part))
        elif kind == "tool_use":
            said.calls += call_list({"name": part.get("name"), "arguments": part.get("input"), "id": part.get("id")})
        elif kind == "tool_result":
            said.results.append(_result(part))
        else:
            name = f"of type {kind!r}" if isinstance(part, dict) else f"that is {kind_of(part)}"
            what = f"`content` has a part {name}: this program trains on text"
            raise RowError("data.not-honoured", what, _DROP_HINT)
    said.thought = "\n".join(thoughts)
    return said


def _text_of(part: Mapping[str, Any]) -> str:
    """The text of a part. Raises `RowError` for a key that nothing reads, such as a weight of the part."""
    unread = sorted(key for key in part.keys() - _OF_TEXT if is_filled(part[key]))
    if unread:
        what = f"`{unread[0]}` of a part of text is not read: a turn is learned whole or not at all"
        hint = f'ignore = ["{unread[0]}"] learns the part as it is; {_DROP_HINT}'
        raise RowError("data.not-honoured", what, hint)
    return as_text(part["text"], "a text part")


def _is_part(item: object) -> bool:
    """Whether an item of a list is a text, or an object that says what kind of part it is."""
    return isinstance(item, str) or is_text_part(item) or (isinstance(item, dict) and "type" in item)


def _thought(part: Mapping[str, Any]) -> str:
    value = next((part[key] for key in ("thinking", "reasoning", "text") if is_filled(part.get(key))), "")
    return said_in(value).text


def _result(part: Mapping[str, Any]) -> dict[str, Any]:
    turn = {"role": "tool", "content": said_in(part.get("content"), by_tool=True).text}
    return turn | ({"tool_call_id": str(part["tool_use_id"])} if is_filled(part.get("tool_use_id")) else {})
