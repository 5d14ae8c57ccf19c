"""One source to rows in normal form, or to everything that is wrong with it.

Contract: `read` fills a table and returns the problems; rows with an empty answer or prompt are dropped and counted by
the table. A problem names the file and the row in it; of many faulty rows the first few are told, the rest counted.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from bench.data import micro
from bench.data.formats.fields import RowError
from bench.data.formats.shapes import Shape, by_columns, known_shapes, recognise
from bench.data.formats.turns import settle
from bench.data.sources.files import MICRO, Records, records
from bench.data.sources.table import Table
from bench.errors import Problem
from bench.suite.data import Columns

_SAMPLE = 100
"""Rows from which a file's shape is recognised."""
_FAULTS_SHOWN = 3
_ROW_HINT = "mend the row or take it out"
_SCORE_HINT = "select.column names the column that holds the score"
_COLUMNS_HINT = 'name the columns in the suite: columns = { prompt = "…", completion = "…" }'


SourceKey = tuple[str, Columns | None, bool, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing to read, for all the data that names it."""

    label: str
    """As the suite names it; what messages show."""
    origin: str
    """What the rows' origins begin with: a file's name, else the label."""
    files: tuple[Path, ...]
    """Empty for the micro world."""
    columns: Columns | None
    revision: str | None
    sha256: str
    """Of the files; the micro world's generator is code, and hashed as such."""
    answered: bool = True
    """Whether rows without an answer are dropped; false where prompts are enough."""
    score: str | None = None
    """The column that holds a row's score, where one is selected by."""

    @property
    def key(self) -> SourceKey:
        """Equal for data that can share one reading."""
        return (self.label + self.sha256, self.columns, self.answered, self.score)


@dataclass(slots=True)
class _Faults:
    """Row faults of one source: the first few in full, the rest as a count."""

    label: str
    begun: list[tuple[int, str]] = field(default_factory=list)
    """Of a folder's files that were begun: rows before it, and its name."""
    problems: list[Problem] = field(default_factory=list)
    unshown: int = 0

    def add(self, row: int, fault: RowError) -> None:
        """Note what is wrong with a row."""
        if len(self.problems) < _FAULTS_SHOWN:
            hint = fault.hint or (_COLUMNS_HINT if fault.reference == "data.missing-field" else _ROW_HINT)
            where = self.place(row)
            self.problems.append(Problem(reference=fault.reference, what=fault.what, where=where, hint=hint))
        else:
            self.unshown += 1

    def place(self, row: int) -> str:
        """The file that holds a row of the source, and the row's number in it."""
        for before, file in reversed(self.begun):
            if row > before:
                return f"{self.label}/{file}:{row - before}"
        return f"{self.label}:{row}"

    def all(self) -> list[Problem]:
        """Everything to be told."""
        if not self.unshown:
            return self.problems
        more = Problem(
            reference="data.more-faults", what=f"{self.unshown:,} more faulty rows", where=self.label, hint=_ROW_HINT
        )
        return [*self.problems, more]


def read(table: Table, source: Source) -> list[Problem]:
    """Reads a source into a table; returns what is wrong with it."""
    faults = _Faults(source.label)
    stream = _records_of(source, faults.begun)
    head = list(islice(stream, _SAMPLE))
    answered = source.answered
    shape = by_columns(source.columns) if source.columns else recognise((r for _, r in head), answered=answered)
    if shape is None:
        return _no_shape(head, faults, answered=answered)
    whole = chain(head, stream)
    for row, record in whole if shape.assemble is None else shape.assemble(whole):
        table.source_rows += 1
        try:
            _append(table, row, record, shape, source)
        except RowError as fault:
            faults.add(row, fault)
    problems = faults.all()
    if not problems and not len(table):
        reasons = " and ".join(f"{count:,} with {reason}" for reason, count in table.dropped.items())
        needed = "both a prompt and an answer" if answered else "a prompt"
        what = f"no row has {needed}: {reasons}" if reasons else "holds no whole conversation"
        problems = [Problem(reference="data.no-answers", what=what, where=source.label, hint=_COLUMNS_HINT)]
    return problems


def _records_of(source: Source, begun: list[tuple[int, str]]) -> Records:
    """All rows, numbered through; of several files each is noted in `begun`."""
    if not source.files:
        yield from enumerate(micro.judged_rows(source.label.removeprefix(MICRO)), start=1)
    row_before = 0
    for file in source.files:
        row = 0
        if len(source.files) > 1:
            begun.append((row_before, str(file.relative_to(os.path.commonpath(source.files)))))
        for row, record in records(file, source=source.label):
            yield row_before + row, record
        row_before += row


def _append(table: Table, row: int, record: object, shape: Shape, source: Source) -> None:
    if isinstance(record, RowError):
        raise record
    if not isinstance(record, dict):
        raise _not_an_object(record)
    turns, reason = settle(shape.convert(record), answered=source.answered)
    score = None if source.score is None else _score(record, source.score)
    if reason is None and source.score is not None and score is None:
        reason = f"no {source.score}"
    if reason is None:
        table.append(row, turns, score or 0.0)
    else:
        table.dropped[reason] += 1


def _score(record: dict[str, Any], column: str) -> float | None:
    """A row's score; `None` where the column is empty."""
    if column not in record:
        seen = ", ".join(map(str, list(record)[:20]))
        raise RowError("data.missing-field", f"no field `{column}` to select by (fields seen: {seen})", _SCORE_HINT)
    value = record[column]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        score = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        score = None
    if score is None:
        what = f"field `{column}` is {str(value)[:40]!r}, not a number"
        raise RowError("data.not-a-number", what, _SCORE_HINT)
    return score if math.isfinite(score) else None


def _not_an_object(record: object) -> RowError:
    return RowError("data.not-an-object", f"a row must be an object with fields, this is {str(record)[:40]!r}")


def _no_shape(head: Sequence[tuple[int, object]], faults: _Faults, *, answered: bool) -> list[Problem]:
    """Why none of the first rows has a known shape."""
    if not head:
        what = "holds no rows"
        return [Problem(reference="data.empty", what=what, where=faults.label, hint="give a file with rows")]
    for row, record in head:
        if isinstance(record, RowError):
            faults.add(row, record)
        elif not isinstance(record, dict):
            faults.add(row, _not_an_object(record))
    if faults.problems:
        return faults.all()
    row, record = head[0]
    seen = ", ".join(map(str, record)) if isinstance(record, dict) else ""
    what = f"rows of no known shape (fields seen: {seen or 'none'}); known: {known_shapes(answered=answered)}"
    return [Problem(reference="data.unknown-shape", what=what, where=faults.place(row), hint=_COLUMNS_HINT)]
