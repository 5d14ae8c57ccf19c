"""Column names of a local data file, from its first rows: so that a misspelt column is found before any work."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

_ROWS = 100
_LARGEST_JSON_BYTES = 64 << 20
_ROW_KEYS = ("data", "rows", "instances", "train")
"""Keys under which a JSON object keeps its rows."""


def column_names(path: Path) -> tuple[str, ...] | None:
    """All names in the first hundred rows of a JSON Lines, JSON, CSV or TSV file, compressed by gzip or not.

    `None` where they are unknown: another kind of file, a JSON file above 64 MiB, a file without rows, a malformed one
    (the error that reading its rows gives is better).
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    try:
        file: Any = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115
        with file:
            names = _names(file, suffix[0])
    except (OSError, ValueError, EOFError, RecursionError, csv.Error):
        return None
    return names or None


def _names(file: Any, suffix: str) -> tuple[str, ...]:
    if suffix == ".jsonl":
        return _keys(json.loads(line) for line in islice(file, _ROWS) if line.strip())
    if suffix in {".csv", ".tsv"}:
        head = file.readline().decode("utf-8-sig")
        return tuple(next(csv.reader([head], delimiter="\t" if suffix == ".tsv" else ",")))
    if suffix != ".json":
        return ()
    content = file.read(_LARGEST_JSON_BYTES + 1)
    if len(content) > _LARGEST_JSON_BYTES:
        return ()
    value = json.loads(content)
    if isinstance(value, dict):
        value = next((value[key] for key in _ROW_KEYS if isinstance(value.get(key), list)), [])
    return _keys(value[:_ROWS]) if isinstance(value, list) else ()


def _keys(rows: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
