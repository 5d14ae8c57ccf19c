"""One file of rows: JSON, JSON Lines, CSV, TSV, Parquet and Arrow; text formats may be compressed with gzip.

Contract: `records` streams `(row, record)` with rows counted from 1 (lines in JSON Lines, elements of a JSON list, rows
below a CSV header); a row that cannot be read comes as a `RowError` in place of its record, a file that cannot be read
raises `InputError`. No reader holds more than a block of the file in memory.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from bench.data.formats.fields import RowError
from bench.errors import InputError, Problem

NumberedRecords = Iterator[tuple[int, Any]]
_BLOCK = 1 << 20
"""Characters of a JSON list that are read at once."""
_COMPRESSED = ".gz"
_ROWS_HINT = "write its rows as a list of objects, or one object per line"
_PANDAS_HINT = 'with pandas: table.to_json("rows.jsonl", orient="records", lines=True)'
_WHOLE_JSON = 1 << 28
"""Bytes of a JSON file up to which it is parsed whole, to see whether it is one object."""


def records(path: Path, *, source: str) -> NumberedRecords:
    """All records of one file."""
    try:
        yield from READERS[format_of(path)](path)
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(
                reference="data.encoding",
                what=f"not UTF-8 text: byte 0x{error.object[error.start]:02x}",
                where=source,
                hint="save the file as UTF-8",
            )
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(
            Problem(reference="data.unreadable", what=f"cannot be read: {reason}", where=source)
        ) from error


def format_of(path: Path) -> str:
    """The ending that says how a file is read: of a compressed one, that before `.gz`."""
    ending = path.suffix.lower()
    inner = path.with_suffix("").suffix.lower() if ending == _COMPRESSED else ending
    return ending if ending == _COMPRESSED and inner not in _TEXT_FORMATS else inner


def _open(path: Path, *, newline: str) -> TextIO:
    if path.suffix.lower() == _COMPRESSED:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def known_formats() -> str:
    return f"{', '.join(READERS)}, and the text formats with {_COMPRESSED} behind"


def _json(path: Path) -> NumberedRecords:
    """A list of records, or JSON Lines, told apart by the first character: both endings are in use for both."""
    with _open(path, newline="\n") as file:
        head = file.read(1)
        opening = ""
        while head.isspace():
            opening, head = opening + head, file.read(1)
        if head == "[" and not _a_list_per_line(path):
            yield from _elements(file, _behind((0, 0), opening + head))
            return
    if head == "{" and (record := _one_object(path)) is not None:
        yield 1, no_list(record)
        return
    with _open(path, newline="\n") as file:
        for row, line in enumerate(file, start=1):
            if not line.isspace():
                yield row, _parsed(line)


def _a_list_per_line(path: Path) -> bool:
    """Whether the first line is a whole list and another follows it: such lines are rows, and none is an object."""
    with _open(path, newline="\n") as file:
        first = next((line for line in iter(lambda: file.readline(_BLOCK), "") if not line.isspace()), "")
        return isinstance(_parsed(first), list) and any(not line.isspace() for line in file)


def no_list(record: Mapping[str, Any]) -> RowError:
    """The fault of a file that is one object, in a word for the layouts that programs write."""
    kind, hint = "one object", _ROWS_HINT
    if (by_columns := table_by_columns(record)) is not None:
        kind, hint = by_columns, _PANDAS_HINT
    elif all(isinstance(value, dict) for value in record.values()):
        kind = "one object of objects"
    elif name := next((name for name, value in record.items() if _lists_objects(value)), None):
        hint = f"its rows may be the list `{name}`: write that alone"
    return RowError("data.not-a-list", f"valid JSON, but {kind}, not a list of rows", hint, ends_file=True)


def may_be_a_table(record: Mapping[str, Any]) -> bool:
    """Whether the only object of a file looks like all of its rows: by columns, by name, or in a list inside."""
    values = list(record.values())
    whole = table_by_columns(record) is not None or all(isinstance(value, dict) for value in values)
    return bool(values) and (whole or any(map(_lists_objects, values)))


def _lists_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def table_by_columns(record: object) -> str | None:
    """What an object is that holds a whole table by its columns, as pandas writes it; `None` for a row."""
    if not isinstance(record, dict) or len(record) < 2:
        return None
    if record.keys() in ({"columns", "index", "data"}, {"schema", "data"}):
        return "a table with its columns apart"
    values = list(record.values())
    if all(isinstance(value, dict) and value and all(str(key).isdecimal() for key in value) for value in values):
        return "one object for each column"
    if all(isinstance(value, list) and len(value) == len(values[0]) > 1 for value in values) and not any(
        isinstance(item, list | dict) for value in values for item in value
    ):
        return "one list for each column"
    return None


def _one_object(path: Path) -> Mapping[str, Any] | None:
    """The object of a JSON file that is one over several lines. Above a quarter of a gigabyte it is taken for lines."""
    with _open(path, newline="\n") as file:
        first = next((line for line in file if not line.isspace()), "")
        if not isinstance(_parsed(first), RowError) or path.stat().st_size > _WHOLE_JSON:
            return None
        whole = _parsed(first + file.read())
    return whole if isinstance(whole, dict) else None


def _parsed(line: str) -> Any:
    hook = _KeysOnce()
    try:
        # Without the line break behind it, which JSON would count as the begin of another line.
        return hook.checked(json.loads(line.rstrip(), object_pairs_hook=hook))
    except (ValueError, RecursionError) as error:
        return _not_json(error)


class _KeysOnce:
    """Objects of a JSON value; a key with two values, of which readers keep the last, is a fault of the whole value."""

    def __init__(self) -> None:
        self._twice: str | None = None

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """One object."""
        fields = dict(pairs)
        if len(fields) < len(pairs):
            self._twice = next((key for key, value in pairs if fields[key] != value), self._twice)
        return fields

    def checked(self, value: Any) -> Any:
        """The value that was just read, or what is wrong with it."""
        key, self._twice = self._twice, None
        if key is None:
            return value
        hint = "remove one of the two, or give it a name of its own"
        return RowError("data.repeated-field", f"field `{key}` is there twice, with different values", hint)


def _not_json(error: Exception, *, before: tuple[int, int] | None = None) -> RowError:
    """The fault of a line or, with `before`, of an element, which ends its file: the line breaks of the file before the
    text that was parsed, and the characters behind the last of them."""
    reason, place, ends_file = str(error), "", before is not None
    if isinstance(error, json.JSONDecodeError):
        reason, place = error.msg, f" at column {error.colno}"
        if before is not None:
            column = error.colno + (before[1] if error.lineno == 1 else 0)
            place = f" at line {before[0] + error.lineno}, column {column}"
    hint = "one JSON object per line, or one list of objects"
    return RowError("data.not-json", f"not JSON: {reason}{place}", hint, ends_file=ends_file)


def _elements(file: TextIO, before: tuple[int, int]) -> NumberedRecords:
    """Elements of a JSON list whose opening bracket was read, a block at a time. Ends at the first that is not JSON.

    `before`: line breaks and characters behind the last of them up to the bracket.
    """
    hook = _KeysOnce()
    decode = json.JSONDecoder(object_pairs_hook=hook).raw_decode
    text, position, row, block = file.read(_BLOCK), 0, 1, _BLOCK
    separator = re.compile(r"[\s,]*")
    while True:
        position = separator.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string too
        if text[position : position + 1] == "]":
            if text[position + 1 :].strip() or any(more.strip() for more in iter(lambda: file.read(_BLOCK), "")):
                what, hint = "not JSON: more text behind the list", "one JSON object per line, or one list of objects"
                yield row, RowError("data.not-json", what, hint, ends_file=True)
            return
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError) as error:
            # Cut off by the block's end, or broken: only more text can tell. Blocks grow, so that this stays linear.
            more = file.read(block)
            if not more:
                yield row, _not_json(error, before=before)
                return
            before = _behind(before, text[:position])
            text, position, block = text[position:] + more, 0, block * 2
            continue
        yield row, hook.checked(value)
        row, block = row + 1, _BLOCK


def _behind(before: tuple[int, int], text: str) -> tuple[int, int]:
    """Line breaks and characters behind the last of them, after a further text."""
    breaks = text.count("\n")
    return before[0] + breaks, len(text) - text.rfind("\n") - 1 if breaks else before[1] + len(text)


def _csv(path: Path, delimiter: str = ",") -> NumberedRecords:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be longer than the default of 131,072 characters
    apart = "commas" if delimiter == "," else "tabs"
    with _open(path, newline="") as file:
        reader = csv.DictReader(file, strict=True, delimiter=delimiter)
        if (fault := _fault_of_header(_header(reader), delimiter, apart)) is not None:
            yield 1, fault
            return
        row = 0
        while True:
            row += 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                hint = f'a cell that begins with " must end with one; quote cells that hold {apart} or line breaks'
                yield row, RowError("data.not-csv", f"not CSV: {error}", hint, ends_file=True)
                return
            if None in record:
                what, hint = "more cells than the header has columns", f"quote cells with {apart}"
                yield row, RowError("data.not-csv", what, hint)
            else:
                yield row, record


def _fault_of_header(names: Sequence[str], delimiter: str, apart: str) -> RowError | None:
    """What is wrong with the names of the columns: one is there twice, or another separator makes all of them one."""
    if len(names) == 1 and (other := next((mark for mark in ",;\t|" if mark in names[0]), None)) is not None:
        what = f"the header {names[0][:60]!r} is read as one column: its cells are apart by {other!r}"
        hint = f"save the file with {apart} between its cells"
        return RowError("data.not-csv", what, hint, ends_file=True)
    if twice := next((name for name in names if name.strip() and names.count(name) > 1), None):
        hint = "give each column a name of its own"
        return RowError("data.repeated-field", f"the header names column `{twice}` twice", hint, ends_file=True)
    return None


def _header(reader: csv.DictReader[str]) -> list[str]:
    """The names of the columns, without white space around them; none where the header is no CSV, which reading the
    first row says."""
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error:
        return []
    reader.fieldnames = names
    return names


def _parquet(path: Path) -> NumberedRecords:
    import pyarrow  # 0.3 s, only for those who need it
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            row = 0
            for batch in file.iter_batches(batch_size=1024):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Parquet", error) from error


def _arrow(path: Path) -> NumberedRecords:
    import pyarrow
    import pyarrow.ipc

    try:
        with pyarrow.OSFile(str(path)) as file:
            row = 0
            for batch in _batches(file):
                for start in range(0, batch.num_rows, 1024):
                    for record in batch.slice(start, 1024).to_pylist():
                        row += 1
                        yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Arrow", error) from error


def _batches(file: Any) -> Iterator[Any]:
    """Record batches of either of Arrow's two layouts: the stream that `datasets` writes, or the file (Feather)."""
    import pyarrow.ipc

    magic = file.read(6)
    file.seek(0)
    if magic == b"ARROW1":
        reader = pyarrow.ipc.open_file(file)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from pyarrow.ipc.open_stream(file)


def _not_a(path: Path, name: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0][:200]
    return InputError(Problem(reference="data.format", what=f"not a {name} file: {reason}", where=path.name))


READERS: dict[str, Callable[[Path], NumberedRecords]] = {
    ".json": _json,
    ".jsonl": _json,
    ".ndjson": _json,
    ".csv": _csv,
    ".tsv": partial(_csv, delimiter="\t"),
    ".parquet": _parquet,
    ".arrow": _arrow,
}
"""By file ending."""
JSON_ENDINGS = frozenset((".json", ".jsonl", ".ndjson"))
_TEXT_FORMATS = (*JSON_ENDINGS, ".csv", ".tsv")
"""Endings of files that may be compressed."""
