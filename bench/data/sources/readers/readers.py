"""One file of rows: JSON, JSON Lines, CSV, TSV, Parquet and Arrow; text formats may be compressed with gzip.

Contract: `records` streams `(row, record)` with rows counted from 1 (lines in JSON Lines, elements of a JSON list, rows
below a CSV header); a row that cannot be read comes as a `RowError` in place of its record, a file that cannot be read
raises `InputError`.
"""

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.data.sources.readers.arrow_rows import read_arrow, read_parquet
from bench.data.sources.readers.csv_rows import read_csv
from bench.data.sources.readers.json_rows import read_json
from bench.data.sources.readers.text_file import COMPRESSED, NumberedRecords
from bench.errors import InputError, Problem


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
    inner = path.with_suffix("").suffix.lower() if ending == COMPRESSED else ending
    return ending if ending == COMPRESSED and inner not in _TEXT_FORMATS else inner


def known_formats() -> str:
    """The endings, for a message."""
    return f"{', '.join(READERS)}, and the text formats with {COMPRESSED} behind"


READERS: dict[str, Callable[[Path], NumberedRecords]] = {
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".csv": read_csv,
    ".tsv": partial(read_csv, delimiter="\t"),
    ".parquet": read_parquet,
    ".arrow": read_arrow,
}
"""By file ending."""

JSON_ENDINGS = frozenset((".json", ".jsonl", ".ndjson"))
_TEXT_FORMATS = (*JSON_ENDINGS, ".csv", ".tsv")
"""Endings of files that may be compressed."""
