"""Rows of CSV and TSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.data.formats.fields import RowError
from bench.data.sources.readers.text_file import NumberedRecords, open_text


def read_csv(path: Path, delimiter: str = ",") -> NumberedRecords:
    """Rows below the header; `delimiter` is a comma or a tab."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be longer than the default of 131,072 characters
    apart = "commas" if delimiter == "," else "tabs"
    with open_text(path, newline="") as file:
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
