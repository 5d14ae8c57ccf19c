"""The shapes that training rows come in, and how each becomes a conversation.

Contract: a `Shape` turns one raw record into `Turns`, or raises `RowError` naming what is wrong with it. `settle` then
checks the conversation and says whether it is to be dropped. A file has one shape, which most of its first rows show;
every row is held to it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.data.fault import RowError
from bench.data.trees import trees
from bench.suite.data import Columns

Turns = list[dict[str, str]]
"""A conversation in the JSON form of `bench.data.row.Turn`: `role`, `content` and perhaps `input`. Plain text is one
turn of the role `text`."""

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
_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One known layout of a row."""

    name: str
    fields: str
    """The fields as a user would write them."""
    matches: Callable[[Mapping[str, Any]], bool]
    convert: Callable[[Mapping[str, Any]], Turns]
    assemble: Callable[[Iterable[tuple[int, Any]]], Iterator[tuple[int, Any]]] | None = None
    """For layouts in which one conversation is spread over several records: those records to whole ones."""


def recognise(sample: Iterable[object], *, answered: bool = True) -> Shape | None:
    """The shape that most records of the sample have; `None` if none has a known one.

    `answered` is false where prompts are enough; shapes with an answer are still tried first.
    """
    shapes = _shapes(answered)
    votes = Counter(
        index for record in sample if isinstance(record, dict) and (index := _first_match(record, shapes)) is not None
    )
    return shapes[votes.most_common(1)[0][0]] if votes else None


def by_columns(columns: Columns) -> Shape:
    """The shape that a suite's `columns` describe."""
    if columns.text is not None:
        return Shape(name="columns", fields=columns.text, matches=lambda record: True, convert=_plain(columns.text))
    prompt = columns.prompt
    assert prompt is not None, "validated"

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        if columns.system is not None and (system := _text(record, columns.system)):
            turns.append({"role": "system", "content": system})
        turns.append(_user(_text(record, prompt), _text(record, columns.input) if columns.input else ""))
        answer = "" if columns.completion is None else _text(record, columns.completion)
        turns.append({"role": "assistant", "content": answer})
        return turns

    names = [name for name in (columns.prompt, columns.completion, columns.input, columns.system) if name]
    return Shape(name="columns", fields=", ".join(names), matches=lambda record: True, convert=convert)


def known_shapes(*, answered: bool = True) -> str:
    """All shapes with their fields, in one line for a message."""
    shapes = _shapes(answered)
    return "; ".join(f"{shape.name} ({shape.fields})" for shape in shapes)


def _shapes(answered: bool) -> tuple[Shape, ...]:
    return (*SHAPES, *(TEXT_SHAPES if answered else PROMPT_SHAPES))


def settle(turns: Turns, *, answered: bool = True) -> tuple[Turns, str | None]:
    """The conversation up to its last answer, and why it is to be dropped: `None`, `empty answer`, `empty prompt` or
    `empty text`.

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
    expected = "user"
    for position, turn in enumerate(turns):
        if turn["role"] == "system" and position == 0:
            continue
        if turn["role"] != expected:
            raise RowError("data.turn-order", f"turn {position + 1} is of {turn['role']}, expected {expected}")
        expected = "assistant" if expected == "user" else "user"
    if not turns:
        return turns, "empty prompt"
    asked = turns[-2]
    if not asked["content"].strip() and not asked.get("input", "").strip():
        return turns, "empty prompt"
    return turns, None


def _first_match(record: Mapping[str, Any], shapes: Sequence[Shape]) -> int | None:
    return next((index for index, shape in enumerate(shapes) if shape.matches(record)), None)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), f"a {type(value).__name__}")


def _seen(record: Mapping[str, Any]) -> str:
    return "fields seen: " + (", ".join(str(name) for name in list(record)[:20]) or "none")


def _field(record: Mapping[str, Any], name: str) -> Any:
    try:
        return record[name]
    except KeyError:
        raise RowError("data.missing-field", f"no field `{name}` ({_seen(record)})") from None


def _text(record: Mapping[str, Any], name: str) -> str:
    """A field's text; null counts as empty."""
    value = _field(record, name)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise RowError("data.not-text", f"field `{name}` is {_kind(value)}, not text")


def _user(content: str, extra: str = "") -> dict[str, str]:
    turn = {"role": "user", "content": content}
    if extra.strip():
        turn["input"] = extra
    return turn


def _single(prompt: str, completion: str, extra: str | None = None) -> Callable[[Mapping[str, Any]], Turns]:
    def convert(record: Mapping[str, Any]) -> Turns:
        more = _text(record, extra) if extra is not None and extra in record else ""
        return [_user(_text(record, prompt), more), {"role": "assistant", "content": _text(record, completion)}]

    return convert


def _plain(name: str) -> Callable[[Mapping[str, Any]], Turns]:
    return lambda record: [{"role": "text", "content": _text(record, name)}]


def _role(name: object) -> str:
    role = _ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise RowError("data.unknown-role", f"unknown role {name!r}; known: {', '.join(_ROLES)}")
    return role


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    value = _field(record, name)
    if not isinstance(value, list):
        raise RowError("data.not-a-list", f"field `{name}` is {_kind(value)}, not a list of turns")
    return value


def _messages(items: Iterable[object], role: str = "role", content: str = "content") -> Turns:
    turns: Turns = []
    for item in items:
        if not isinstance(item, dict):
            raise RowError("data.not-a-turn", f"turn {len(turns) + 1} is {_kind(item)}, not an object")
        try:
            turns.append({"role": _role(_field(item, role)), "content": _text(item, content)})
        except RowError as error:
            hint = f"a turn is an object with {role} and {content}"
            raise RowError(error.reference, f"turn {len(turns) + 1}: {error.what}", hint) from None
    return turns


def _strings(record: Mapping[str, Any]) -> Turns:
    turns: Turns = []
    for position, item in enumerate(_list(record, "conversations")):
        if not isinstance(item, str):
            raise RowError("data.not-text", f"turn {position + 1} is {_kind(item)}, not text")
        turns.append({"role": "assistant" if position % 2 else "user", "content": item})
    return turns


def _prompt_completion(record: Mapping[str, Any]) -> Turns:
    if isinstance(record.get("prompt"), list):
        return _messages([*_list(record, "prompt"), *_list(record, "completion")])
    return _single("prompt", "completion")(record)


def _chosen(record: Mapping[str, Any]) -> Turns:
    """Anthropic's HH-RLHF: the preferred dialogue as one text; or the same as a list of messages."""
    if isinstance(_field(record, "chosen"), list):
        return _messages(record["chosen"])
    parts = _HH_TURN.split(_text(record, "chosen"))
    if len(parts) < 3 or parts[0].strip():
        raise RowError("data.not-a-dialogue", "field `chosen` does not begin with a turn `Human:`")
    turns: Turns = []
    for speaker, said in zip(parts[1::2], parts[2::2], strict=True):
        role = _role(speaker)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + said
        else:
            turns.append({"role": role, "content": said})
    return turns


def _tree(record: Mapping[str, Any]) -> Turns:
    """OASST: from the root along the best ranked reply (rank 0 is best; unranked last) to the end."""
    node = _field(record, "prompt")
    if not isinstance(node, dict):
        raise RowError("data.not-a-tree", f"field `prompt` is {_kind(node)}, not an object with role, text and replies")
    turns: Turns = []
    while isinstance(node, dict):
        turns.append({"role": _role(_field(node, "role")), "content": _text(node, "text")})
        replies = [reply for reply in node.get("replies") or [] if isinstance(reply, dict)]
        node = min(replies, key=_rank) if replies else None
    return turns


def _rank(reply: Mapping[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")


def _asked(name: str, extra: str | None = None) -> Callable[[Mapping[str, Any]], Turns]:
    def convert(record: Mapping[str, Any]) -> Turns:
        more = _text(record, extra) if extra is not None and extra in record else ""
        return [_user(_text(record, name), more)]

    return convert


def _question_turns(record: Mapping[str, Any]) -> Turns:
    """MT-Bench: what the user says turn by turn, and perhaps a reference for each; answers between are left open."""
    said = _list(record, "turns")
    wanted = record.get("reference")
    references = wanted if isinstance(wanted, list) and len(wanted) == len(said) else [""] * len(said)
    turns: Turns = []
    for position, (text, reference) in enumerate(zip(said, references, strict=True), start=1):
        if not isinstance(text, str):
            raise RowError("data.not-text", f"turn {position} is {_kind(text)}, not text")
        last = position == len(said)
        answer = reference if last and isinstance(reference, str) else ""
        turns += [_user(text), {"role": "assistant", "content": answer}]
    return turns


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: all(name in record for name in names)


def _turns_of(kind: type) -> Callable[[Mapping[str, Any]], bool]:
    def matches(record: Mapping[str, Any]) -> bool:
        turns = record.get("conversations")
        return isinstance(turns, list) and bool(turns) and isinstance(turns[0], kind)

    return matches


SHAPES: tuple[Shape, ...] = (
    Shape(
        name="messages",
        fields="messages: [{role, content}]",
        matches=_has("messages"),
        convert=lambda record: _messages(_list(record, "messages")),
    ),
    Shape(name="lima", fields="conversations: [text]", matches=_turns_of(str), convert=_strings),
    Shape(
        name="sharegpt",
        fields="conversations: [{from, value}]",
        matches=_turns_of(dict),
        convert=lambda record: _messages(_list(record, "conversations"), "from", "value"),
    ),
    Shape(
        name="oasst",
        fields="prompt: {role, text, replies}",
        matches=lambda record: isinstance(record.get("prompt"), dict),
        convert=_tree,
    ),
    Shape(
        name="oasst-messages",
        fields="message_id, parent_id, role, text: one message per row",
        matches=_has("message_id", "parent_id", "role", "text"),
        convert=_tree,
        assemble=trees,
    ),
    Shape(name="hh-rlhf", fields="chosen", matches=_has("chosen"), convert=_chosen),
    Shape(
        name="alpaca",
        fields="instruction, output, optional input",
        matches=_has("instruction", "output"),
        convert=_single("instruction", "output", "input"),
    ),
    Shape(
        name="dolly",
        fields="instruction, response, optional context",
        matches=_has("instruction", "response"),
        convert=_single("instruction", "response", "context"),
    ),
    Shape(
        name="prompt-completion",
        fields="prompt, completion",
        matches=_has("prompt", "completion"),
        convert=_prompt_completion,
    ),
    Shape(
        name="question-answer",
        fields="question, answer",
        matches=_has("question", "answer"),
        convert=_single("question", "answer"),
    ),
)
"""In the order in which they are tried."""

TEXT_SHAPES: tuple[Shape, ...] = (
    Shape(name="text", fields="text: plain text, all of it learned", matches=_has("text"), convert=_plain("text")),
)
"""Of rows that are no conversation; tried last."""

PROMPT_SHAPES: tuple[Shape, ...] = (
    Shape(
        name="turns", fields="turns: [text], optional reference: [text]", matches=_has("turns"), convert=_question_turns
    ),
    Shape(
        name="instruction",
        fields="instruction, optional input",
        matches=_has("instruction"),
        convert=_asked("instruction", "input"),
    ),
    Shape(name="prompt", fields="prompt", matches=_has("prompt"), convert=_asked("prompt")),
    Shape(name="question", fields="question", matches=_has("question"), convert=_asked("question")),
    Shape(name="text", fields="text", matches=_has("text"), convert=_asked("text")),
)
"""Of rows without an answer, for evals that only ask."""
