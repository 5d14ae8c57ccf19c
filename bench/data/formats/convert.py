"""One raw record to a conversation, by layout: question and answer, lists of turns, dialogues in one text, trees.

Contract: a converter takes the record and returns `Turns`, or raises `RowError` naming what is wrong with it. Where the
names of the fields differ from file to file, they are arguments of a function that makes the converter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bench.data.formats.fields import RowError, field_of, kind_of, text_of, turn_list
from bench.data.formats.turns import Turns, message_turns, role_of, user_turn

Converter = Callable[[Mapping[str, Any]], Turns]
"""One raw record to its conversation."""

_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")


def question_and_answer(prompt: str, completion: str, extra: str | None = None) -> Converter:
    """One prompt and its answer; `extra` is the prompt's second field, which a record may lack."""

    def convert(record: Mapping[str, Any]) -> Turns:
        more = text_of(record, extra) if extra is not None and extra in record else ""
        return [user_turn(text_of(record, prompt), more), {"role": "assistant", "content": text_of(record, completion)}]

    return convert


def plain_text(name: str) -> Converter:
    """A field that is no conversation, learned from beginning to end."""
    return lambda record: [{"role": "text", "content": text_of(record, name)}]


def alternating(record: Mapping[str, Any]) -> Turns:
    """LIMA: texts alone, of which the user says the first."""
    turns: Turns = []
    for position, item in enumerate(turn_list(record, "conversations")):
        if not isinstance(item, str):
            raise RowError("data.not-text", f"turn {position + 1} is {kind_of(item)}, not text")
        turns.append({"role": "assistant" if position % 2 else "user", "content": item})
    return turns


def prompt_completion(record: Mapping[str, Any]) -> Turns:
    """Prompt and completion: two texts, or two lists of messages."""
    if isinstance(record.get("prompt"), list):
        return message_turns([*turn_list(record, "prompt"), *turn_list(record, "completion")])
    return question_and_answer("prompt", "completion")(record)


def preferred(record: Mapping[str, Any]) -> Turns:
    """Anthropic's HH-RLHF: the preferred dialogue as one text; or the same as a list of messages."""
    if isinstance(field_of(record, "chosen"), list):
        return message_turns(record["chosen"])
    parts = _HH_TURN.split(text_of(record, "chosen"))
    if len(parts) < 3 or parts[0].strip():
        raise RowError("data.not-a-dialogue", "field `chosen` does not begin with a turn `Human:`")
    turns: Turns = []
    for speaker, said in zip(parts[1::2], parts[2::2], strict=True):
        role = role_of(speaker)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + said
        else:
            turns.append({"role": role, "content": said})
    return turns


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


def _rank(reply: Mapping[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")


def question(name: str, extra: str | None = None) -> Converter:
    """A prompt alone; `extra` as in `question_and_answer`."""

    def convert(record: Mapping[str, Any]) -> Turns:
        more = text_of(record, extra) if extra is not None and extra in record else ""
        return [user_turn(text_of(record, name), more)]

    return convert


def questions_by_turn(record: Mapping[str, Any]) -> Turns:
    """MT-Bench: what the user says turn by turn, and perhaps a reference for each; answers between are left open."""
    said = turn_list(record, "turns")
    wanted = record.get("reference")
    references = wanted if isinstance(wanted, list) and len(wanted) == len(said) else [""] * len(said)
    turns: Turns = []
    for position, (text, reference) in enumerate(zip(said, references, strict=True), start=1):
        if not isinstance(text, str):
            raise RowError("data.not-text", f"turn {position} is {kind_of(text)}, not text")
        last = position == len(said)
        answer = reference if last and isinstance(reference, str) else ""
        turns += [user_turn(text), {"role": "assistant", "content": answer}]
    return turns
