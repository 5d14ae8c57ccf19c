"""One raw record to a conversation, by layout: question and answer, lists of turns, dialogues in one text, trees.

Contract: a converter takes the record and returns `Turns`, or raises `RowError` naming what is wrong with it. Where the
names of the fields differ from file to file, they are arguments of a function that makes the converter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.data.formats.fields import RowError, as_text, field_of, is_filled, kind_of, parsed, text_of, turn_list
from bench.data.formats.messages import is_message, message_turns, role_of
from bench.data.formats.tools import call_list
from bench.data.formats.turns import Turns, user_turn

Converter = Callable[[Mapping[str, Any]], Turns]
"""One raw record to its conversation."""

EXTRAS = ("input", "context")
"""Columns that belong to the prompt of a question, where it is not in one of them itself."""

_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")


def question_and_answer(prompt: str, completion: str | None) -> Converter:
    """One prompt with its extras, and its answer where one is asked for.

    Either may be a text, a message, a list of messages, or a dialogue; an answer that begins with another's turn is the
    whole conversation.
    """
    extras = [name for name in EXTRAS if name != prompt]

    def convert(record: Mapping[str, Any]) -> Turns:
        answer = [] if completion is None else said_by("assistant", record, completion)
        if answer and answer[0]["role"] != "assistant":
            return answer
        more = [text_of(record, name) for name in extras if name in record]
        return [*said_by("user", record, prompt, extra="\n".join(text for text in more if text.strip())), *answer]

    return convert


def said_by(role: str, record: Mapping[str, Any], name: str, *, extra: str = "") -> Turns:
    """Content of a column: messages, a dialogue (`\\n\\nHuman: …`), or one text that `role` says."""
    value = parsed(field_of(record, name))
    items = [value] if is_message(value) else value
    if isinstance(items, list) and items and is_message(items[0]):
        return message_turns(items)
    text = text_of(record, name)
    if text.startswith("\n\nHuman:"):
        return dialogue(text)
    return [user_turn(text, extra) if role == "user" else {"role": role, "content": text}]


def whole_dialogue(name: str) -> Converter:
    """A dialogue in one text, or as a list of messages."""

    def convert(record: Mapping[str, Any]) -> Turns:
        value = parsed(field_of(record, name))
        return message_turns(value) if isinstance(value, list) else dialogue(text_of(record, name))

    return convert


def plain_text(name: str) -> Converter:
    """A field that is no conversation, learned from beginning to end."""
    return lambda record: [{"role": "text", "content": text_of(record, name)}]


def messages(name: str) -> Converter:
    """A list of messages."""
    return lambda record: message_turns(turn_list(record, name))


def alternating(name: str) -> Converter:
    """Texts alone, of which the user says the first (LIMA, UltraChat)."""

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        for position, item in enumerate(turn_list(record, name), start=1):
            text = _turn_text(item, position)
            turns.append({"role": "user" if position % 2 else "assistant", "content": text})
        return turns

    return convert


def pairs(name: str) -> Converter:
    """A list of objects with what the user and the assistant said (Capybara)."""

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        for item in turn_list(record, name):
            if not isinstance(item, dict):
                raise RowError("data.not-a-turn", f"field `{name}` holds {kind_of(item)}, not objects")
            turns += [user_turn(text_of(item, "input")), {"role": "assistant", "content": text_of(item, "output")}]
        return turns

    return convert


def dialogue(text: str) -> Turns:
    """A dialogue in one text, as Anthropic's HH-RLHF writes it; an open turn of the assistant at its end is none."""
    parts = _HH_TURN.split(text)
    if len(parts) < 3 or parts[0].strip():
        raise RowError("data.not-a-dialogue", "the dialogue does not begin with a turn `Human:`")
    turns: Turns = []
    for speaker, said in zip(parts[1::2], parts[2::2], strict=True):
        role = role_of(speaker)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + said
        else:
            turns.append({"role": role, "content": said})
    return turns[:-1] if turns[-1] == {"role": "assistant", "content": ""} else turns


def best_branch(record: Mapping[str, Any]) -> Turns:
    """OASST: from the root along the best ranked reply (rank 0 is best; unranked last) to the end."""
    node = field_of(record, "prompt")
    if not isinstance(node, dict):
        raise RowError(
            "data.not-a-tree", f"field `prompt` is {kind_of(node)}, not an object with role, text and replies"
        )
    turns: Turns = []
    while isinstance(node, dict):
        turns.append({"role": role_of(field_of(node, "role")), "content": text_of(node, "text")})
        replies = [reply for reply in node.get("replies") or [] if isinstance(reply, dict)]
        node = min(replies, key=_rank) if replies else None
    return turns


def called(record: Mapping[str, Any]) -> Turns:
    """A question that is answered by calls of tools (xLAM)."""
    calls = call_list(field_of(record, "answers"))
    return [user_turn(text_of(record, "query")), {"role": "assistant", "content": "", "tool_calls": calls}]


def questions_by_turn(record: Mapping[str, Any]) -> Turns:
    """MT-Bench: what the user says turn by turn, and perhaps a reference for each; answers between are left open."""
    texts = [_turn_text(item, position) for position, item in enumerate(turn_list(record, "turns"), start=1)]
    wanted = record.get("reference")
    references = wanted if isinstance(wanted, list) and len(wanted) == len(texts) else [""] * len(texts)
    turns: Turns = []
    for position, (text, reference) in enumerate(zip(texts, references, strict=True), start=1):
        last = position == len(texts)
        answer = reference if last and isinstance(reference, str) else ""
        turns += [user_turn(text), {"role": "assistant", "content": answer}]
    return turns


def _turn_text(item: object, position: int) -> str:
    if not is_filled(item) and not isinstance(item, str):
        raise RowError("data.not-text", f"turn {position} is {kind_of(item)}, not text")
    return as_text(item, f"turn {position}")


def _rank(reply: Mapping[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")
