"""A conversation in its JSON form, and what makes it fit to learn from.

Contract: `settle` checks a whole conversation, fixes what has one right fix (turns of one role in a row), says why
it is left out, and names what it changed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from bench.data.formats.fields import RowError
from bench.text import is_blank, never_answers

Turns = list[dict[str, Any]]
"""A conversation in the JSON form of `bench.data.render.row.Turn`. Plain text is one turn of the role `text`."""

MERGED = "turns of one role in a row merged"
KEPT_EMPTY = "no answer: the row takes its place and teaches nothing"
UNANSWERED = "question without an answer at the end left out"
BEHIND_LAST = {
    "user": UNANSWERED,
    "system": "system prompt behind the last answer left out",
    "tool": "tool's result behind the last answer left out",
}
"""What is noted of turns that no answer follows, by role."""
NO_VALUE = "the answer is a word for a missing value, such as nan"
NO_ANSWER = "question without an answer"
NOT_LEARNED = "no turn to be learned"
NO_OPENING = "no opening prompt"
UNFINISHED = "an answer's thinking never ends"

_MISSING = frozenset({"nan", "NaN", "NaT", "None", "null", "NULL", "NA", "<NA>", "#N/A", "undefined"})
"""Words that programs write into text for a value that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A conversation that was checked."""

    turns: Turns
    dropped: str | None = None
    """Why it is to be left out: `empty answer`, `question without an answer`, `empty prompt`, `empty text`,
    `no turn to be learned`, `an answer's thinking never ends`, or `no opening prompt`: the assistant speaks first, as
    in many chats that people shared."""
    notes: tuple[str, ...] = ()
    """What was changed in it."""


def settle(turns: Turns, *, answered: bool = True, merge: bool = True, keep_empty: bool = False) -> Settled:
    """The conversation up to the last answer that is to be learned: what follows holds nothing to learn.

    Where prompts are enough (`answered` is false), a last prompt without an answer gets an empty one instead. `merge`
    joins turns of one role in a row; `keep_empty` keeps a last answer that is empty, which teaches nothing. Raises
    `RowError` where roles do not take turns.
    """
    if turns and turns[0]["role"] == "text":
        return Settled(turns=turns, dropped="empty text" if is_blank(turns[0]["content"]) else None)
    notes = []
    if merge and len(merged := _merged(turns)) < len(turns):
        turns, notes = merged, [MERGED]
    if answered:
        turns, more, dropped = _answered(turns, keep_empty=keep_empty)
        notes += more
        if dropped is not None:
            return Settled(turns=turns, dropped=dropped)
    elif turns and turns[-1]["role"] != "assistant":
        turns = [*turns, {"role": "assistant", "content": ""}]
    if next((turn["role"] for turn in turns if turn["role"] != "system"), None) == "assistant":
        return Settled(turns=turns, dropped=NO_OPENING)
    _check_order(turns, merge=merge)
    question = turns[-2] if len(turns) > 1 else {"content": ""}
    if is_blank(question["content"]) and is_blank(question.get("input", "")) and question.get("role") != "tool":
        return Settled(turns=turns, dropped="empty prompt")
    return Settled(turns=turns, notes=tuple(notes))


def says_something(turn: Mapping[str, Any]) -> bool:
    """Whether an assistant's turn holds anything to learn: text, thoughts or calls."""
    return bool(turn.get("tool_calls")) or not is_blank(turn["content"]) or not is_blank(turn.get("reasoning", ""))


def texts_of(turn: Mapping[str, Any]) -> list[str]:
    """All that a turn says, in order; a call is its name and its arguments as JSON."""
    texts = [text for text in (turn.get("reasoning"), turn["content"], turn.get("input")) if text]
    for call in turn.get("tool_calls") or ():
        texts.append(f"{call['name']} {json.dumps(call['arguments'], ensure_ascii=False)}")
    return texts


def user_turn(content: str, extra: str = "") -> dict[str, Any]:
    """What the user says; a blank `extra` is left out."""
    turn = {"role": "user", "content": content}
    if not is_blank(extra):
        turn["input"] = extra
    return turn


def _answered(turns: Turns, *, keep_empty: bool) -> tuple[Turns, list[str], str | None]:
    """The turns up to the last answer, what is to be noted of it, and why there is none."""
    if keep_empty and turns and turns[-1]["role"] == "assistant" and not says_something(turns[-1]):
        return turns, [KEPT_EMPTY], None
    notes = [] if turns and turns[-1]["role"] == "assistant" else _notes_behind(turns)
    turns, dropped = _up_to_last_answer(turns)
    if dropped is None and turns[-1]["content"].strip() in _MISSING:
        notes.append(NO_VALUE)
    return turns, notes, dropped


def _notes_behind(turns: Turns) -> list[str]:
    """What is to be noted of the turns behind the last answer."""
    behind = {turn["role"] for turn in takewhile(lambda turn: turn["role"] != "assistant", reversed(turns))}
    return [note for role, note in BEHIND_LAST.items() if role in behind]


def _up_to_last_answer(turns: Turns) -> tuple[Turns, str | None]:
    """The turns up to the last answer that is to be learned, or why there is none."""
    answers = [place for place, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        return turns, NO_ANSWER
    if not says_something(turns[answers[-1]]):
        return turns, "empty answer"
    learned = [place for place in answers if turns[place].get("train", True) and says_something(turns[place])]
    if any(never_answers(turns[place]["content"]) for place in learned):
        return turns, UNFINISHED
    return (turns[: learned[-1] + 1], None) if learned else (turns, NOT_LEARNED)


def _merged(turns: Turns) -> Turns:
    """Turns of one role in a row as one, parted by a blank line; answers of tools stay apart, and so does a call."""
    merged: Turns = []
    for turn in turns:
        last = merged[-1] if merged else None
        if last is None or not _mergeable(last, turn):
            merged.append(turn)
            continue
        parts = [text for text in (last["content"], last.get("input"), turn["content"], turn.get("input")) if text]
        merged[-1] = {key: value for key, value in last.items() if key != "input"} | {"content": "\n\n".join(parts)}
    return merged


_MERGES = 'odd_rows = "repair" in the data\'s table merges turns of one role'
_DROPS = 'odd_rows = "drop" leaves such rows out'


def _mergeable(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return first["role"] == second["role"] != "tool" and _kept_apart(first, second) is None


def _kept_apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why two turns of one role are not merged, and what helps; `None`: nothing speaks against it."""
    if first.get("name") != second.get("name"):
        merges = 'ignore = ["name"] merges them under odd_rows = "repair"'
        return "their speakers have different names", f"{merges}; {_DROPS}"
    if first.get("train", True) != second.get("train", True):
        return "one of them is to be learned and the other is not", f"merge them in the file; {_DROPS}"
    if any(turn.get(key) for turn in (first, second) for key in ("reasoning", "tool_calls")):
        return "one of them thinks or calls a tool", f"merge them in the file; {_DROPS}"
    return None


_FOLLOWS: dict[str, set[str | None]] = {
    "system": {None},
    "user": {None, "system", "assistant", "tool"},
    "assistant": {"user", "tool"},
    "tool": {"assistant", "tool"},
}
"""Roles that may come before a turn; `None`: nothing."""


def _check_order(turns: Turns, *, merge: bool) -> None:
    """User and assistant take turns, after a system prompt perhaps; tools answer calls. Raises `RowError`."""
    before: Mapping[str, Any] | None = None
    for position, turn in enumerate(turns, start=1):
        role, last = turn["role"], None if before is None else before["role"]
        if last not in _FOLLOWS[role]:
            follows = f"turn {position} is of {role} and {f'follows one of {last}' if last else 'comes first'}"
            if before is None or last != role:
                raise RowError("data.turn-order", follows)
            why, hint = _kept_apart(before, turn) or ("", "" if merge else _MERGES)
            raise RowError("data.turn-order", f"{follows}: {why}" if why else follows, hint or None)
        before = turn
