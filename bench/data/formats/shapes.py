"""The shapes that training rows come in: which there are, and which one a file has.

Contract: a `Shape` knows its records by their fields and turns one into `Turns`, or raises `RowError` naming what is
wrong with it. A file has one shape, which most of its first rows show; every row is held to it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from bench.data.formats.chat.messages import ends_with_answer, is_message
from bench.data.formats.chat.turns import Turns
from bench.data.formats.columns import REJECTED, judges
from bench.data.formats.convert import (
    ANSWERS,
    CHOSEN,
    CONVERSATIONS,
    EXTRAS,
    OPPOSED,
    PROMPTS,
    Converter,
    alternating,
    best_branch,
    called,
    conversation_of,
    messages,
    pair_keys,
    pairs,
    plain_text,
    question_and_answer,
    questions_by_turn,
    said_by,
    text_alone,
    whole_dialogue,
)
from bench.data.formats.fields import RowError, is_filled, parsed, text_of
from bench.data.formats.oasst_trees import trees
from bench.data.formats.preferences import preference_shape
from bench.data.formats.shape import Assemble, Shape
from bench.suite.tables.data import Columns


def recognise(sample: Iterable[object], *, answered: bool = True) -> Shape | None:
    """The shape that most records of the sample have; `None` if none has a known one.

    `answered` is false where prompts are enough; shapes with an answer are still tried first.
    """
    shapes = _shapes(answered)
    votes = Counter(
        shape
        for record in sample
        if isinstance(record, dict)
        and (shape := preference_shape(record) or _answered_beside(record) or _first_match(record, shapes)) is not None
    )
    return votes.most_common(1)[0][0] if votes else None


def by_columns(columns: Columns) -> Shape:
    """The shape that a suite's `columns` describe."""
    names = [name for name in (columns.text, columns.prompt, columns.completion, columns.input, columns.system) if name]
    convert = plain_text(columns.text) if columns.text is not None else _mapped(columns)
    return Shape(
        name="columns",
        fields=", ".join(names),
        uses=frozenset(names),
        matches=lambda record: True,
        convert=convert,
        mapped=True,
        plain=columns.text is not None,
    )


def _mapped(columns: Columns) -> Converter:
    prompt = columns.prompt
    assert prompt is not None, "validated"

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        if columns.system is not None and (system := text_of(record, columns.system)):
            turns.append({"role": "system", "content": system})
        turns += said_by("user", record, prompt, extra=text_of(record, columns.input) if columns.input else "")
        if columns.completion is None:
            return [*turns, {"role": "assistant", "content": ""}]
        answer = said_by("assistant", record, columns.completion)
        return conversation_of(turns, answer, f"`{prompt}`", f"`{columns.completion}`")

    return convert


def usual_fields(*, answered: bool = True) -> str:
    """Fields of the most usual shapes, for a message; docs/data.md has all."""
    if not answered:
        return "messages, conversations, instruction, prompt, question"
    return "messages, conversations, instruction and output, prompt and completion, question and answer, text"


def _shapes(answered: bool) -> tuple[Shape, ...]:
    return (*SHAPES, *(TEXT_SHAPES if answered else PROMPT_SHAPES))


def _first_match(record: Mapping[str, Any], shapes: Sequence[Shape]) -> Shape | None:
    return next((shape for shape in shapes if shape.matches(record)), None)


def _answered_beside(record: Mapping[str, Any]) -> Shape | None:
    """The layout of a conversation that ends with a question, whose answer is in a column of its own."""
    for column in CONVERSATIONS:
        items = parsed(record.get(column))
        if isinstance(items, list) and items and is_message(items[-1]) and not ends_with_answer(items):
            is_judged = [name for name in CHOSEN if name in record and judges(record, name)]
            answer = next((name for name in ANSWERS if name not in is_judged and is_filled(record.get(name))), None)
            return None if answer is None else _question_shape(column, answer)
    return None


def _answered_in(prompt: str, answer: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a record has both columns, and the second holds an answer, no judgement of another."""
    return lambda record: prompt in record and answer in record and not (answer in CHOSEN and judges(record, answer))


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: all(name in record for name in names)


def _list_of(name: str, test: Callable[[object], bool], *beside: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a record's field is a list whose first item passes, with the fields `beside`."""

    def matches(record: Mapping[str, Any]) -> bool:
        items = parsed(record.get(name))
        return isinstance(items, list) and bool(items) and test(items[0]) and all(other in record for other in beside)

    return matches


def _chosen_beside(column: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a conversation has its preferred answer beside it."""
    has_both = _list_of(column, lambda item: True, "chosen")
    return lambda record: has_both(record) and not judges(record, "chosen")


def _shape(name: str, fields: str, matches: Callable[[Mapping[str, Any]], bool], convert: Converter, *uses: str,
           assemble: Assemble | None = None, plain: bool = False) -> Shape:  # fmt: skip
    return Shape(name=name, fields=fields, uses=frozenset(uses), matches=matches, convert=convert, assemble=assemble,
                 plain=plain)  # fmt: skip


def _instances(records: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Self-Instruct's tasks, each with a list of instances: one record per instance."""
    for row, record in records:
        items = record.get("instances") if isinstance(record, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            what = "no field `instances` that lists objects with input and output"
            yield row, record if isinstance(record, RowError) else RowError("data.missing-field", what)
            continue
        rest = {name: value for name, value in record.items() if name != "instances"}
        yield from ((row, {**rest, **item}) for item in items)


_QA_NAMES = {("instruction", "output"): "alpaca", ("instruction", "response"): "dolly"}
_QA_FIELDS = {"alpaca": "instruction, output, optional input", "dolly": "instruction, response, optional context"}


@cache
def _question_shape(prompt: str, answer: str) -> Shape:
    name = _QA_NAMES.get((prompt, answer), f"{prompt}-{answer}")
    fields = _QA_FIELDS.get(name, f"{prompt}, {answer}")
    convert = question_and_answer(prompt, answer)
    uses = (prompt, answer, *EXTRAS, *(REJECTED if answer in CHOSEN else ()))
    return _shape(name, fields, _answered_in(prompt, answer), convert, *uses)


def _opposed_shape(prompt: str, good: str, bad: str) -> Shape:
    """A question with two answers whose columns say which is preferred, as `winner` and `loser` do."""
    return _shape(f"{prompt}-{good}", f"{prompt}, {good}, {bad}", _has(prompt, good, bad),
                  question_and_answer(prompt, good), prompt, good, bad, *EXTRAS)  # fmt: skip


def _is_pair(item: object) -> bool:
    return pair_keys(item) is not None and not is_message(item)


def _is_text(item: object) -> bool:
    return isinstance(item, str)


def _conversation_shapes(column: str) -> tuple[Shape, ...]:
    """The layouts of one column that holds a conversation, perhaps with the preferred answer beside it."""
    name = "sharegpt" if column == "conversations" else column
    turn = "{from, value}" if column == "conversations" else "{role, content}"
    texts = "lima" if column == "conversations" else f"{column}-texts"
    of_messages = _has(column) if column == "messages" else _list_of(column, is_message)
    layouts = [
        (f"{name}-chosen", f"{column}: [{turn}], chosen", _chosen_beside(column),
         question_and_answer(column, "chosen"), (column, "chosen", *REJECTED)),
        (f"{name}-pairs", f"{column}: [{{input, output}}]", _list_of(column, _is_pair), pairs(column), (column,)),
        (name, f"{column}: [{turn}]", of_messages, messages(column), (column,)),
        (texts, f"{column}: [text]", _list_of(column, _is_text), alternating(column), (column,)),
    ]  # fmt: skip
    return tuple(_shape(name, fields, matches, convert, *uses) for name, fields, matches, convert, uses in layouts)


SHAPES: tuple[Shape, ...] = (
    *(shape for column in CONVERSATIONS for shape in _conversation_shapes(column)),
    _shape("ultrachat", "data: [text]", _list_of("data", _is_text), alternating("data"), "data"),
    _shape("oasst", "prompt: {role, text, replies}", lambda record: isinstance(record.get("prompt"), dict),
           best_branch, "prompt"),
    _shape("oasst-messages", "message_id, parent_id, role, text: one message per row",
           _has("message_id", "parent_id", "role", "text"), best_branch, "prompt", assemble=trees),
    _shape("calls", "query, tools, answers: [{name, arguments}]", _has("query", "tools", "answers"), called,
           "query", "answers"),
    _shape("instances", "instruction, instances: [{input, output}]", _has("instruction", "instances"),
           question_and_answer("instruction", "output"), "instruction", "input", "output", assemble=_instances),
    *(_question_shape(prompt, answer) for prompt in PROMPTS for answer in ANSWERS),
    *(_question_shape(prompt, answer) for prompt in ("context", "history", "post") for answer in CHOSEN),
    *(_opposed_shape(prompt, good, bad) for prompt in PROMPTS for good, bad in OPPOSED),
    _shape("hh-rlhf", "chosen", lambda record: "chosen" in record and not judges(record, "chosen"),
           whole_dialogue("chosen"), "chosen", *REJECTED),
)  # fmt: skip
"""In the order in which they are tried."""

TEXT_SHAPES: tuple[Shape, ...] = (
    _shape("text", "text: plain text, all of it learned", _has("text"), text_alone, "text", plain=True),
)
"""Rows that are no conversation; tried last."""

PROMPT_SHAPES: tuple[Shape, ...] = (
    _shape(
        "turns", "turns: [text], optional reference: [text]", _has("turns"), questions_by_turn, "turns", "reference"
    ),
    *(_shape(name, name, _has(name), question_and_answer(name, None), name, *EXTRAS) for name in (*PROMPTS, "text")),
)
"""Rows without an answer, for evals that only ask."""
