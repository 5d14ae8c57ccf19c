"""A conversation in its JSON form: the names of roles, messages to turns, and what makes it fit to learn from.

Contract: whatever a file calls its speakers becomes `system`, `user` or `assistant`; a role or message that cannot be
read raises `RowError`. `settle` checks a whole conversation and says whether it is to be dropped.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.data.formats.fields import RowError, field_of, kind_of, text_of

Turns = list[dict[str, str]]
"""A conversation in the JSON form of `bench.data.render.row.Turn`: `role`, `content` and perhaps `input`. Plain text
is one turn of the role `text`."""

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
}


def settle(turns: Turns, *, answered: bool = True) -> tuple[Turns, str | None]:
    """The conversation up to its last answer, and why it is to be dropped: `None`, `empty answer`, `empty prompt`,
    `empty text`, or `no opening prompt`: the assistant speaks first, as in many chats that people shared.

    Turns after the last answer hold nothing to learn and are left out. Where prompts are enough (`answered` is false),
    a last prompt without an answer gets an empty one instead. Raises `RowError` where roles do not alternate.
    """
    if turns and turns[0]["role"] == "text":
        return turns, None if turns[0]["content"].strip() else "empty text"
    end = len(turns)
    while answered and end and turns[end - 1]["role"] != "assistant":
        end -= 1
    turns = turns[:end]
    if not answered and turns and turns[-1]["role"] != "assistant":
        turns = [*turns, {"role": "assistant", "content": ""}]
    if answered and (not turns or not turns[-1]["content"].strip()):
        return turns, "empty answer"
    if next((turn["role"] for turn in turns if turn["role"] != "system"), None) == "assistant":
        return turns, "no opening prompt"
    _check_order(turns)
    if not turns:
        return turns, "empty prompt"
    asked = turns[-2]
    if not asked["content"].strip() and not asked.get("input", "").strip():
        return turns, "empty prompt"
    return turns, None


def _check_order(turns: Turns) -> None:
    """User and assistant take turns, after a system prompt perhaps. Raises `RowError` with the turn's number."""
    expected = "user"
    for position, turn in enumerate(turns):
        if turn["role"] == "system" and position == 0:
            continue
        if turn["role"] != expected:
            raise RowError("data.turn-order", f"turn {position + 1} is of {turn['role']}, expected {expected}")
        expected = "assistant" if expected == "user" else "user"


def user_turn(content: str, extra: str = "") -> dict[str, str]:
    """What the user says; a blank `extra` is left out."""
    turn = {"role": "user", "content": content}
    if extra.strip():
        turn["input"] = extra
    return turn


def role_of(name: object) -> str:
    """The role that a file's name for a speaker stands for. Raises `RowError` for an unknown one."""
    role = _ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise RowError("data.unknown-role", f"unknown role {name!r}; known: {', '.join(_ROLES)}")
    return role


def message_turns(items: Iterable[object], role: str = "role", content: str = "content") -> Turns:
    """A list of messages as turns; `role` and `content` name their fields. Raises `RowError` with the turn's number."""
    turns: Turns = []
    for item in items:
        if not isinstance(item, dict):
            raise RowError("data.not-a-turn", f"turn {len(turns) + 1} is {kind_of(item)}, not an object")
        try:
            turns.append({"role": role_of(field_of(item, role)), "content": text_of(item, content)})
        except RowError as error:
            hint = f"a turn is an object with {role} and {content}"
            raise RowError(error.reference, f"turn {len(turns) + 1}: {error.what}", hint) from None
    return turns
