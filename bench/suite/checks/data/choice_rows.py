"""Rows of a `choice` eval: a local file's columns as questions, options and right answers.

Contract: every row is read and checked before any work; which option is right, `choice_labels` says.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem, did_you_mean
from bench.spec import Spec
from bench.suite.checks.data.choice_labels import raise_faults, right_options
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.eval_spec import kept_columns
from bench.text import slice_values

_FORMATS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")


class ChoiceRow(Spec):
    """One question."""

    id: str
    """The row's own `id` where all rows have one and no two are equal, else its number from 1."""
    question: str
    """With the passage before it."""
    choices: tuple[str, ...]
    """Options; empty where the model writes the answer."""
    label: int | None
    """Number of the right option, from 0."""
    answers: tuple[str, ...]
    """Right answers to write; empty with options."""
    slices: dict[str, tuple[str, ...]]
    """By column that the eval slices by, the row's values."""
    cluster: str | None
    """What the row has in common with those that are not independent of it."""


def read_choices(spec: ChoiceSpec, path: Path, *, where: str) -> tuple[ChoiceRow, ...]:
    """The file's questions. Raises `InputError` with the first faults of a file that cannot be used."""
    records = _records(path, where)
    _check_columns(spec, records, where)
    faults: list[tuple[int, str]] = []
    parts: list[tuple[str, tuple[str, ...], Any]] = []
    for number, record in enumerate(records, start=1):
        question, options = _question(spec, record), _options(spec, record)
        answer = record.get(spec.answer)
        if not question.strip():
            faults.append((number, "has no question"))
        if spec.has_options and len(set(options)) < 2:
            faults.append((number, "has fewer than two different options"))
        if not _texts(answer):
            faults.append((number, "has no answer"))
        parts.append((question, options, answer))
    raise_faults(faults, path, where)
    labels: Sequence[int | None] = [None] * len(parts)
    if spec.has_options:
        labels = right_options([(options, _text(answer)) for _, options, answer in parts], spec.count_from, path, where)
    return tuple(
        ChoiceRow(
            id=id_, question=question, choices=options, label=label,
            answers=() if spec.has_options else tuple(_texts(answer)),
            slices={name: values for name in spec.slices if (values := slice_values(record, name))},
            cluster=None if spec.cluster is None else "; ".join(slice_values(record, spec.cluster)) or None,
        )
        for id_, record, (question, options, answer), label in zip(_ids(records), records, parts, labels, strict=True)
    )  # fmt: skip


def unread_columns(spec: ChoiceSpec, path: Path, *, where: str) -> tuple[Counter[str], int]:
    """The columns that the eval does not read, each with the rows in which it is filled, and the number of rows.

    Raises `InputError` where the file cannot be read.
    """
    records = _records(path, where)
    options = (spec.choices,) if isinstance(spec.choices, str) else spec.choices
    read = {spec.question, spec.passage, spec.answer, "id", *options, *kept_columns(spec)}
    unread = Counter(name for record in records for name, value in record.items() if name not in read and _texts(value))
    return unread, len(records)


def _records(path: Path, where: str) -> list[Mapping[str, Any]]:
    if path.suffix not in _FORMATS:
        what, hint = f"{path.name} has no format that is read", "give a file of " + ", ".join(_FORMATS)
        raise InputError(Problem(reference="choice.format", what=what, where=where, hint=hint))
    try:
        records = list(_READERS[path.suffix](path))
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        what = f"{path.name} cannot be read: {reason}"
        raise InputError(Problem(reference="choice.unreadable", what=what, where=where)) from error
    if not records or not all(isinstance(record, dict) for record in records):
        what = f"{path.name} has no rows" if not records else f"{path.name}: each row must be an object with fields"
        raise InputError(Problem(reference="choice.no-rows", what=what, where=where))
    return records


def _json(path: Path) -> list[Any]:
    value = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        return lists[0] if len(lists) == 1 else [value]
    return list(value)


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ValueError(f"row {number} is not JSON: {error}") from None


def _table(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")


def _parquet(path: Path) -> list[Any]:
    import pyarrow.parquet

    return list(pyarrow.parquet.read_table(path).to_pylist())


_READERS: dict[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _table,
    ".tsv": _table,
    ".parquet": _parquet,
}


def _check_columns(spec: ChoiceSpec, records: Sequence[Mapping[str, Any]], where: str) -> None:
    """Raises `InputError` for every column that no row has."""
    fields = {str(key) for record in records for key in record}
    options = (spec.choices,) if isinstance(spec.choices, str) else spec.choices
    named = {"question": spec.question, "passage": spec.passage, "answer": spec.answer, "cluster": spec.cluster}
    wanted = [*named.items(), *(("choices", option) for option in options), *(("slices", name) for name in spec.slices)]
    problems = [
        Problem(
            reference="choice.column",
            what=f"no row has the column {column!r}",
            where=f"{where}.{key}",
            hint=did_you_mean(column, fields),
        )
        for key, column in wanted
        if column is not None and column not in fields
    ]
    if problems:
        raise InputError(problems)


def _question(spec: ChoiceSpec, record: Mapping[str, Any]) -> str:
    columns = [spec.question] if spec.passage is None else [spec.passage, spec.question]
    return "\n\n".join(text for column in columns if (text := _text(record.get(column))))


def _options(spec: ChoiceSpec, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Options of a list, of a table of texts (as ARC and CommonsenseQA have it), or of one column each."""
    if not isinstance(spec.choices, str):
        texts = [_text(record.get(column)) for column in spec.choices]
        while texts and not texts[-1]:  # fewer options than columns
            texts.pop()
        return tuple(texts)
    value = record.get(spec.choices)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    if isinstance(value, dict):
        value = value.get("text", list(value.values()))
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _text(value: Any) -> str:
    return "" if value is None else value.strip() if isinstance(value, str) else str(value)


def _texts(value: Any) -> list[str]:
    return [text for item in (value if isinstance(value, list) else [value]) if (text := _text(item))]


def _ids(records: Sequence[Mapping[str, Any]]) -> list[str]:
    ids = [_text(record.get("id")) for record in records]
    unique = all(ids) and max(Counter(ids).values()) == 1
    return ids if unique else [str(number) for number in range(1, len(records) + 1)]
