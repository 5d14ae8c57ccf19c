"""Rows to work on: read from any source and shape that training data comes in, with or without answers.

Contract: every row is read and checked before anything is asked; all that is wrong comes in one `InputError`.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.data import micro
from bench.data.formats.chat.turns import Turns, texts_of
from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError
from bench.data.formats.shape import Shape
from bench.data.formats.shapes import by_columns, recognise, usual_fields
from bench.data.sources.files import MICRO, files_of, kind_of, local_path
from bench.data.sources.readers.readers import records
from bench.data.sources.row_faults import RowFaults
from bench.errors import InputError, Problem, did_you_mean
from bench.making.spec import TaskSource
from bench.suite.tables.data import PromptColumns
from bench.units import plural

_NO_ANSWER = "\0answer"
"""Stands for the column of answers where there is none."""
_RULES = Rules(answered=False)
_SAMPLE = 100
_WHERE = "tasks.source"
_ROW_HINT = "fix the row or remove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A conversation to be answered."""

    turns: tuple[Mapping[str, Any], ...]
    """`role`, `content` and perhaps `input`; the last is the user's."""
    answer: str | None
    """The answer in the row, where it has one."""
    origin: str
    """`file:row`."""
    record: Mapping[str, Any]
    """The row as it was read."""

    @property
    def instruction(self) -> str:
        """The last question."""
        return str(self.turns[-1]["content"])

    @property
    def input(self) -> str:
        """What it works on; may be empty."""
        return str(self.turns[-1].get("input", ""))

    @property
    def single(self) -> bool:
        """Whether it is one question and no more."""
        return len(self.turns) == 1


def read_tasks(source: TaskSource, *, base: Path, seed: int, fetched: Path | None = None) -> tuple[Task, ...]:
    """The tasks of `source`, selected, in the source's order.

    `base` is the folder that relative paths start from, `fetched` the local file of hub data. Raises `InputError`.
    """
    rows = list(_records(source, base, fetched))
    shape = _shape(source, rows)
    whole = rows if shape.assemble is None else shape.assemble(rows)
    tasks: list[Task] = []
    faults = RowFaults()
    for number, record in whole:
        try:
            task = _task(record, shape, source.columns, f"{_label(source)}:{number}")
        except RowError as fault:
            faults.add(number, fault)
            continue
        if task is not None:
            tasks.append(task)
    if faults.rows:
        raise InputError(faults.problems(lambda row: f"{source.source}:{row}", label=source.source, hint=_ROW_HINT))
    if not tasks:
        raise InputError(
            Problem(reference="data.empty", what=f"{source.source} has no row with a prompt", where=_WHERE)
        )
    return tuple(_selected(tasks, source, seed))


def _label(source: TaskSource) -> str:
    return source.source if source.source.startswith(MICRO) else Path(source.source).name


def _records(source: TaskSource, base: Path, fetched: Path | None) -> Iterator[tuple[int, Any]]:
    kind = kind_of(source.as_data(), base)
    if kind == "micro":
        name = source.source.removeprefix(MICRO)
        if name not in micro.ROW_SETS:
            what, sources = f"the micro world has no rows {name!r}", [MICRO + row_set for row_set in micro.ROW_SETS]
            hint = did_you_mean(source.source, sources)
            raise InputError(Problem(reference="data.unknown-micro", what=what, where=_WHERE, hint=hint))
        yield from enumerate(micro.judged_rows(name), start=1)
        return
    path = fetched if kind == "hub" else local_path(source.source, base)
    if path is None:
        what = f"{source.source} is not a file on this machine and was not fetched from the hub"
        raise InputError(Problem(reference="data.not-fetched", what=what, where=_WHERE, hint="check the path"))
    before = 0
    for file in files_of(path, source=source.source, where=_WHERE, split=source.split):
        row = 0
        for row, record in records(file, source=source.source):
            yield before + row, record
        before += row


def _shape(source: TaskSource, rows: Iterable[tuple[int, Any]]) -> Shape:
    columns = source.columns
    if columns is not None:
        return by_columns(columns.model_copy(update={"completion": columns.completion or _NO_ANSWER}))
    head = [record for _, record in islice(rows, _SAMPLE)]
    shape = recognise(head, answered=False)
    if shape is None:
        seen = ", ".join(map(str, head[0])) if head and isinstance(head[0], dict) else "none"
        what = f"rows of no known shape (fields seen: {seen}; usual: {usual_fields(answered=False)})"
        hint = 'name the column: columns = { prompt = "…" }'
        raise InputError(Problem(reference="data.unknown-shape", what=what, where=source.source, hint=hint))
    return shape


def _task(record: Any, shape: Shape, columns: PromptColumns | None, origin: str) -> Task | None:
    """`None` for a row without a prompt. Raises `RowError`."""
    bare = columns is not None and columns.completion is None
    conversation = _RULES.read({**record, _NO_ANSWER: ""} if bare and isinstance(record, dict) else record, shape)
    if conversation.dropped is not None:
        return None
    turns = conversation.turns
    _check_text(turns)
    if any(turn["role"] == "tool" or turn.get("tool_calls") or turn.get("tools") for turn in turns):
        raise RowError("make.tools", "a task with tools: a writing model is given none here", "leave such rows out")
    answer = turns[-1]["content"]
    return Task(turns=tuple(turns[:-1]), answer=answer if answer.strip() else None, origin=origin, record=record)


def _check_text(turns: Turns) -> None:
    try:
        "".join(text for turn in turns for text in texts_of(turn)).encode()
    except UnicodeEncodeError as error:
        raise RowError("data.encoding", f"not valid Unicode text: {error.reason}") from error


def _selected(tasks: list[Task], source: TaskSource, seed: int) -> list[Task]:
    """Draws of one seed are nested: the 100 are among the 200."""
    if source.size is None:
        return tasks
    if source.size > len(tasks):
        what = f"asks for {plural(source.size, 'row')}, {source.source} has {len(tasks):,} with a prompt"
        hint = f"set it to {len(tasks)} or less"
        raise InputError(Problem(reference="data.too-few-rows", what=what, where="tasks.size", hint=hint))
    if source.by == "first":
        return tasks[: source.size]
    order = list(range(len(tasks)))
    random.Random(f"tasks:{seed}").shuffle(order)  # noqa: S311  # a draw to be repeated, no secret
    return [tasks[index] for index in sorted(order[: source.size])]
