"""One source to rows in normal form, or to everything that is wrong with it.

Contract: `read` fills a table and returns the problems; rows without an answer or a prompt are left out and counted by
the table. Faults of one kind are one problem, with the first row that has it and the number of rows.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

from bench.data import micro
from bench.data.formats.conversation import Rules, holds
from bench.data.formats.fields import RowError, not_an_object
from bench.data.formats.shape import Shape
from bench.data.formats.shapes import by_columns, recognise, usual_fields
from bench.data.formats.unused import RowGroups, unused_names, worth_reporting
from bench.data.sources.files import MICRO
from bench.data.sources.no_rows import no_rows_left
from bench.data.sources.readers.json_tables import may_be_a_table, no_list, table_by_columns
from bench.data.sources.readers.readers import records
from bench.data.sources.readers.text_file import NumberedRecords
from bench.data.sources.row_faults import COLUMNS_HINT, RowFaults
from bench.data.sources.source import Source
from bench.data.sources.split_column import SplitColumn
from bench.data.sources.table import RowTable
from bench.errors import Problem
from bench.suite.tables.data import may_be_left_out

_SAMPLE = 100
"""Rows from which a file's shape is recognised."""
_ROW_HINT = 'fix the row or take it out; odd_rows = "drop" leaves such rows out and counts them'
_NOWHERE = "no column, message key or role `{}`, which ignore or leave_out names"
_TEXTS_HINT = "rows of token ids are not read: give their texts, which each base's own tokenizer reads"
_SCORE_HINT = "select.column names the column that holds the score"


def read(table: RowTable, source: Source) -> list[Problem]:
    """Reads a source into a table; returns what is wrong with it."""
    missing = set(source.rules.named)
    stream = _visible(_records_of(source, table.files), source.rules, missing)
    head = list(islice(stream, _SAMPLE))
    if len(head) == 1 and table_by_columns(head[0][1]) is not None:
        return _no_shape(head, table, source)
    answered = source.rules.answered
    shape = by_columns(source.columns) if source.columns else recognise((r for _, r in head), answered=answered)
    if shape is None:
        return _no_shape(head, table, source)
    problems = _fill(table, chain(head, stream), shape, source)
    table.notes.update({_NOWHERE.format(name): table.source_rows for name in sorted(missing)})
    return problems


def _visible(records: NumberedRecords, rules: Rules, missing: set[str]) -> NumberedRecords:
    """The records without what is to be ignored; names that a record has are taken out of `missing`."""
    for row, record in records:
        if missing and isinstance(record, dict):
            missing -= {name for name in missing if holds(record, name, empty=True)}
        yield row, rules.visible(record)


def _fill(table: RowTable, rows: Iterable[tuple[int, Any]], shape: Shape, source: Source) -> list[Problem]:
    faults, unused, groups, changed = RowFaults(), Counter[str](), RowGroups(), Counter[str]()
    rules = source.rules
    splits = SplitColumn(wanted=rules.split, reads={*shape.uses, *rules.slices, rules.score or ""})
    for row, record in rows if shape.assemble is None else shape.assemble(rows):
        table.source_rows += 1
        if isinstance(record, dict) and (reason := splits.other(record)) is not None:
            table.dropped[reason] += 1
            continue
        try:
            notes = _append(table, row, record, shape, source)
        except RowError as fault:
            faults.add(row, fault)
            continue
        for note in notes:  # most rows have none, and `Counter.update` takes its time for nothing
            changed[note] += 1
        for unread in unused_names(record, shape):
            unused[unread] += 1
        groups.add(record)
    for name in (rules.score, *rules.slices, splits.name if rules.split else None, *groups.names()):
        del unused[f"column `{name}` not used"]
    if faults.rows and (faults.is_cut or not may_be_left_out(faults.rows, table.source_rows, source.faulty)):
        return faults.problems(lambda row: table.place(row, source.label), label=source.label, hint=_ROW_HINT)
    if (mixed := splits.problem(source.label, is_file=source.folder is None and source.revision is None)) is not None:
        return [mixed]
    table.dropped.update(faults.counts())
    table.notes.update(changed)
    table.notes.update({} if not source.files else worth_reporting(unused, table.source_rows))
    return [] if len(table) else [no_rows_left(table.dropped, source.rules, source.label)]


def _records_of(source: Source, begun: list[tuple[int, str]]) -> NumberedRecords:
    """All rows, numbered through; of several files each is noted in `begun`."""
    if not source.files:
        yield from enumerate(micro.judged_rows(source.label.removeprefix(MICRO)), start=1)
    row_before = 0
    for file in source.files:
        row = 0
        if source.folder is not None:
            begun.append((row_before, file.relative_to(source.folder).as_posix()))
        for row, record in records(file, source=source.label):
            yield row_before + row, record
        row_before += row


def _append(table: RowTable, row: int, record: object, shape: Shape, source: Source) -> tuple[str, ...]:
    """Keeps or drops one row; returns what was changed in one that stays."""
    settled = source.rules.read(record, shape)
    assert isinstance(record, dict), "read"
    reason = settled.dropped
    column = source.rules.score
    score = None if column is None else _score(record, column)
    if reason is None and column is not None and score is None:
        reason = f"no {column}"
    if reason is None:
        table.append(row, settled.turns, score or 0.0)
        return settled.notes
    table.dropped[reason] += 1
    return ()


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


def _no_shape(head: Sequence[tuple[int, object]], table: RowTable, source: Source) -> list[Problem]:
    """Why none of the first rows has a known shape."""
    if not head:
        what = "holds no rows"
        return [Problem(reference="data.empty", what=what, where=source.label, hint="give a file with rows")]
    faults = RowFaults()
    for row, record in head:
        if isinstance(record, RowError):
            faults.add(row, record)
        elif not isinstance(record, dict):
            faults.add(row, not_an_object(record))
    if faults.kinds:
        return faults.problems(lambda row: table.place(row, source.label), label=source.label, hint=_ROW_HINT)
    row, record = head[0]
    where = table.place(row, source.label)
    if len(head) == 1 and isinstance(record, dict) and may_be_a_table(record):
        fault = no_list(record)
        return [Problem(reference=fault.reference, what=fault.what, where=where, hint=fault.hint)]
    seen = ", ".join(map(str, record)) if isinstance(record, dict) else ""
    asked = recognise((r for _, r in head), answered=False) if source.rules.answered else None
    if asked is not None:
        what = f"rows that ask (by {asked.fields}) and have no column that is known as an answer (fields seen: {seen})"
        hint = COLUMNS_HINT if isinstance(record, dict) and set(record) - asked.uses else "give the rows their answers"
        return [Problem(reference="data.no-answers", what=what, where=where, hint=hint)]
    usual = usual_fields(answered=source.rules.answered)
    what = f"rows of no known shape (fields seen: {seen or 'none'}; usual: {usual})"
    tokenised = isinstance(record, dict) and "input_ids" in record
    hint = _TEXTS_HINT if tokenised else _hint_of_case(head, answered=source.rules.answered) or COLUMNS_HINT
    return [Problem(reference="data.unknown-shape", what=what, where=where, hint=hint)]


def _hint_of_case(head: Sequence[tuple[int, object]], *, answered: bool) -> str | None:
    """What helps where only capitals or blanks in the columns' names hide their shape."""
    lowered = [
        {str(name).strip().lower(): value for name, value in row.items()} for _, row in head if isinstance(row, dict)
    ]
    shape = recognise(lowered, answered=answered)
    if shape is None:
        return None
    blanks = any(name != name.strip() for _, row in head if isinstance(row, dict) for name in map(str, row))
    form = "without blanks around them" if blanks else "in lower case"
    return f"{form} the columns are known: {shape.fields}; or {COLUMNS_HINT}"
