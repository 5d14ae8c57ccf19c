"""Text files of rows, compressed or not."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

NumberedRecords = Iterator[tuple[int, Any]]

COMPRESSED = ".gz"


def open_text(path: Path, *, newline: str) -> TextIO:
    """The file, to be read as text."""
    if path.suffix.lower() == COMPRESSED:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)
