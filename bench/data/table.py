"""Rows of one source in normal form: on disk, with an index of what selection needs.

Contract: `append` takes conversations in source order; a row is later named by its index from 0. In memory a row costs
32 bytes, whatever its length, so that selecting from many rows needs no more memory than reading few.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.shapes import RowError, Turns

_KEY_BYTES = 16
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def content_key(turns: Turns) -> bytes:
    """16 bytes that are equal for conversations that differ in nothing but letter case, white space, Unicode form, or
    whether the input stands in a field of its own. System prompts do not count."""
    parts = []
    for turn in turns:
        if turn["role"] != "system":
            text = f"{turn['content']} {turn['input']}" if "input" in turn else turn["content"]
            if not text.isascii():
                text = unicodedata.normalize("NFKC", text)
            parts.append(turn["role"][0] + " ".join(text.lower().split()))
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=_KEY_BYTES).digest()


class Table:
    """Rows of one source. `close` gives its disk space back."""

    def __init__(self, label: str, folder: Path) -> None:
        """`label` begins each row's origin; the rows lie in a nameless file under `folder`."""
        self.label = label
        self.dropped: Counter[str] = Counter()
        """Rows left out while reading, by reason."""
        self.source_rows = 0
        """Rows read, dropped ones included."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the table; see `close`
        self._ends = array("Q", [0])
        self._numbers = array("I")
        self._lengths = array("I")
        self._keys = bytearray()

    def __len__(self) -> int:
        """Rows kept."""
        return len(self._numbers)

    def append(self, number: int, turns: Turns) -> None:
        """Keep one row; `number` counts from 1 in its source. Raises `RowError` for text that is not valid Unicode."""
        try:
            data = _dump(turns).encode()
            key = content_key(turns)
        except UnicodeEncodeError as error:
            raise RowError("data.encoding", f"not valid Unicode text: {error.reason}") from error
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))
        self._numbers.append(number)
        self._lengths.append(len(turns[-1]["content"]))
        self._keys += key

    def key(self, index: int) -> bytes:
        """The row's `content_key`."""
        return bytes(self._keys[index * _KEY_BYTES : (index + 1) * _KEY_BYTES])

    def keys(self) -> NDArray[np.uint64]:
        """All keys, shape `(rows, 2)`: each as two numbers."""
        return np.frombuffer(bytes(self._keys), dtype=np.uint64).reshape(-1, 2)

    def answer_length(self, index: int) -> int:
        """Characters of the row's answer."""
        return self._lengths[index]

    def rows(self, indices: Iterable[int]) -> Iterator[tuple[bytes, str]]:
        """Per index the conversation as compact JSON and the row's origin."""
        for index in indices:
            start = self._ends[index]
            self._file.seek(start)
            yield self._file.read(self._ends[index + 1] - start), f"{self.label}:{self._numbers[index]}"

    def close(self) -> None:
        """Delete the rows."""
        self._file.close()
