"""The shapes that training rows come in: which there are, and which one a file has.

Contract: a `Shape` knows its records by their fields and turns one into `Turns`, or raises `RowError` naming what is
wrong with it. A file has one shape, which most of its first rows show; every row is held to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.data.formats.convert import (
    Converter,
    alternating,
    best_branch,
    plain_text,
    preferred,
    prompt_completion,
    question,
    question_and_answer,
    questions_by_turn,
)
from bench.data.formats.fields import text_of, turn_list
from bench.data.formats.oasst_trees import trees
from bench.data.formats.turns import Turns, message_turns, user_turn
from bench.suite.data import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One known layout of a row."""

    name: str
    fields: str
    """The fields as a user would write them."""
    matches: Callable[[Mapping[str, Any]], bool]
    convert: Converter
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
        return Shape(name="columns", fields=columns.text, matches=lambda record: True, convert=plain_text(columns.text))
    prompt = columns.prompt
    assert prompt is not None, "validated"

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        if columns.system is not None and (system := text_of(record, columns.system)):
            turns.append({"role": "system", "content": system})
        turns.append(user_turn(text_of(record, prompt), text_of(record, columns.input) if columns.input else ""))
        answer = "" if columns.completion is None else text_of(record, columns.completion)
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


def _first_match(record: Mapping[str, Any], shapes: Sequence[Shape]) -> int | None:
    return next((index for index, shape in enumerate(shapes) if shape.matches(record)), None)


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
        convert=lambda record: message_turns(turn_list(record, "messages")),
    ),
    Shape(name="lima", fields="conversations: [text]", matches=_turns_of(str), convert=alternating),
    Shape(
        name="sharegpt",
        fields="conversations: [{from, value}]",
        matches=_turns_of(dict),
        convert=lambda record: message_turns(turn_list(record, "conversations"), "from", "value"),
    ),
    Shape(
        name="oasst",
        fields="prompt: {role, text, replies}",
        matches=lambda record: isinstance(record.get("prompt"), dict),
        convert=best_branch,
    ),
    Shape(
        name="oasst-messages",
        fields="message_id, parent_id, role, text: one message per row",
        matches=_has("message_id", "parent_id", "role", "text"),
        convert=best_branch,
        assemble=trees,
    ),
    Shape(name="hh-rlhf", fields="chosen", matches=_has("chosen"), convert=preferred),
    Shape(
        name="alpaca",
        fields="instruction, output, optional input",
        matches=_has("instruction", "output"),
        convert=question_and_answer("instruction", "output", "input"),
    ),
    Shape(
        name="dolly",
        fields="instruction, response, optional context",
        matches=_has("instruction", "response"),
        convert=question_and_answer("instruction", "response", "context"),
    ),
    Shape(
        name="prompt-completion",
        fields="prompt, completion",
        matches=_has("prompt", "completion"),
        convert=prompt_completion,
    ),
    Shape(
        name="question-answer",
        fields="question, answer",
        matches=_has("question", "answer"),
        convert=question_and_answer("question", "answer"),
    ),
)
"""In the order in which they are tried."""

TEXT_SHAPES: tuple[Shape, ...] = (
    Shape(name="text", fields="text: plain text, all of it learned", matches=_has("text"), convert=plain_text("text")),
)
"""Of rows that are no conversation; tried last."""

PROMPT_SHAPES: tuple[Shape, ...] = (
    Shape(
        name="turns",
        fields="turns: [text], optional reference: [text]",
        matches=_has("turns"),
        convert=questions_by_turn,
    ),
    Shape(
        name="instruction",
        fields="instruction, optional input",
        matches=_has("instruction"),
        convert=question("instruction", "input"),
    ),
    Shape(name="prompt", fields="prompt", matches=_has("prompt"), convert=question("prompt")),
    Shape(name="question", fields="question", matches=_has("question"), convert=question("question")),
    Shape(name="text", fields="text", matches=_has("text"), convert=question("text")),
)
"""Of rows without an answer, for evals that only ask."""
