"""What the first rows of local data say: that there are any, and their columns; found before any work."""

import csv
import gzip
import json
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Any

from bench.suite.catalog.folder_files import files_below
from bench.suite.tables.data import SAVED_SPLITS

_ROWS = 100
_LARGEST_JSON_BYTES = 64 << 20
_EMPTY_BYTES = 100
"""A JSON file that begins with so many bytes of white space holds rows, for all that is known."""
_FILES = 20
"""Files of a folder that are looked at."""
_LINES = frozenset({".jsonl", ".ndjson"})
_SUFFIXES = frozenset({".json", *_LINES, ".csv", ".tsv", ".parquet", ".arrow"})
_NOTES = frozenset({"dataset_info.json", "dataset_infos.json", "state.json", SAVED_SPLITS})
"""JSON files of a folder that describe data and hold none."""
_ROW_KEYS = ("data", "rows", "instances", "train")
"""Keys under which a JSON object keeps its rows."""


def column_names(path: Path) -> tuple[str, ...] | None:
    """All names in the first hundred rows of a data file, compressed by gzip or not, or of the first files of a folder.

    `None` where they are unknown: another kind of file, a JSON file above 64 MiB, a file without rows, a malformed one
    (the error that reading its rows gives is better).
    """
    if path.is_dir():
        found = [column_names(file) for file in _data_files(path)[:_FILES]]
        known = [names for names in found if names is not None]
        return tuple(dict.fromkeys(chain(*known))) if known and len(known) == len(found) else None
    if not path.is_file():  # to open a pipe waits for whoever writes
        return None
    try:
        file: Any = gzip.open(path, "rb") if _is_packed(path) else path.open("rb")  # noqa: SIM115
        with file:
            names = _names(file, _suffix(path))
    except (OSError, ValueError, EOFError, RecursionError, csv.Error):
        return None
    return names or None


def is_without_rows(path: Path) -> bool:
    """Whether a file, or every data file of a folder, is seen to hold no row; of a malformed file that is not known."""
    if path.is_dir():
        data = _data_files(path)
        return bool(data) and all(map(is_without_rows, data))
    if not path.is_file():
        return False
    try:
        if path.stat().st_size == 0:
            return True
        file: Any = gzip.open(path, "rb") if _is_packed(path) else path.open("rb")  # noqa: SIM115
        with file:
            if _suffix(path) == ".json":
                return file.read(_EMPTY_BYTES).strip() in (b"", b"[]", b"{}")
            if _suffix(path) in {".csv", ".tsv"}:
                file.readline()
            return _suffix(path) in {*_LINES, ".csv", ".tsv"} and not any(line.strip() for line in file)
    except (OSError, EOFError):
        return False


def _data_files(folder: Path) -> list[Path]:
    files = [file for file in files_below(folder, where=str(folder)) if _suffix(file) in _SUFFIXES]
    return [file for file in files if file.name not in _NOTES]


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if _is_packed(path) else path).suffix.lower()


def _names(file: Any, suffix: str) -> tuple[str, ...]:
    if suffix in _LINES:
        return _keys(json.loads(line) for line in islice(file, _ROWS) if line.strip())
    if suffix in {".csv", ".tsv"}:
        head = file.readline().decode("utf-8-sig")
        return tuple(name.strip() for name in next(csv.reader([head], delimiter="\t" if suffix == ".tsv" else ",")))
    if suffix in {".parquet", ".arrow"}:
        return _table_names(file, suffix)
    if suffix != ".json":
        return ()
    content = file.read(_LARGEST_JSON_BYTES + 1)
    if len(content) > _LARGEST_JSON_BYTES:
        return ()
    try:
        value = json.loads(content)
    except ValueError:  # one object per line, under the other ending
        value = [json.loads(line) for line in islice(content.splitlines(), _ROWS) if line.strip()]
    if isinstance(value, dict):
        value = next((value[key] for key in _ROW_KEYS if isinstance(value.get(key), list)), [])
    return _keys(value[:_ROWS]) if isinstance(value, list) else ()


def _table_names(file: Any, suffix: str) -> tuple[str, ...]:
    import pyarrow.ipc  # 0.3 s, only for those who need it
    import pyarrow.parquet

    if suffix == ".parquet":
        return tuple(pyarrow.parquet.read_schema(file).names)
    opened = pyarrow.ipc.open_file if file.peek(6)[:6] == b"ARROW1" else pyarrow.ipc.open_stream
    return tuple(opened(file).schema.names)


def _keys(rows: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
