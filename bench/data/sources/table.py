"""Rows of one source in normal form: on disk, text and index both.

Contract: `append` takes conversations in source order; a row is later named by its index from 0. What selection needs
of a row is a record of `INDEX`, read a block at a time: memory does not grow with the rows, so that selecting from
520,000 takes no more of it than selecting from 52,000.
"""

import hashlib
import json
import struct
import tempfile
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.data.formats.chat.turns import Turns, texts_of
from bench.data.formats.fields import RowError

INDEX = np.dtype(
    [
        ("end", "<u8"),  # where the row's text ends in the table's file
        ("number", "<u4"),  # of the row in its source, from 1
        ("answer", "<u4"),  # characters of the answer
        ("total", "<u4"),  # characters of all turns
        ("key", "<u8"),  # `content_key`
        ("prompt", "<u8"),  # the second of `keys`
        ("score", "<f8"),
    ]
)
_PACK = struct.Struct("<QIIIQQd").pack
_BLOCK = 1 << 14
"""Records read at once: 0.7 MB."""

Indices = NDArray[np.uint32]
"""Rows of a table, ascending."""
IndexRecords = NDArray[np.void]
"""Records of `INDEX`."""

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def content_key(turns: Turns) -> int:
    """64 bits that are equal for conversations that differ in nothing but letter case, white space, Unicode form, or
    whether the input is in a field of its own. System prompts do not count.

    That two of a million unlike rows have the same has a probability of 3 in 100 million.
    """
    return keys(turns, [texts_of(turn) for turn in turns])[0]


def keys(turns: Turns, texts: Sequence[Sequence[str]]) -> tuple[int, int]:
    """The key of a conversation (`content_key`), and that of everything before its answer; for plain text both are one.

    `texts`: all that each turn says.
    """
    parts = [_normal(turn, " ".join(text)) for turn, text in zip(turns, texts, strict=True) if turn["role"] != "system"]
    content = _hash(parts)
    return content, content if turns[0]["role"] == "text" else _hash(parts[:-1])


def _normal(turn: Mapping[str, Any], text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return str(turn["role"])[0] + " ".join(text.lower().split()) + ("" if turn.get("train", True) else "\x1e")


def _hash(parts: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "little")


class Rows(Protocol):
    """What can be selected from."""

    def __len__(self) -> int: ...
    def blocks(self) -> Iterator[tuple[int, IndexRecords]]:
        """All records in order, some at a time, each with the index of the first."""
        ...

    def rows(self, indices: Iterable[int]) -> Iterator[tuple[bytes, str]]:
        """Per index the conversation as compact JSON and the row's origin."""
        ...


def column(rows: Rows, name: str, indices: Indices) -> NDArray[Any]:
    """One field of the index, for these rows."""
    parts = [records[name][inside] for records, inside in _chosen(rows, indices)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=INDEX[name])


def filtered(rows: Rows, indices: Indices, test: Callable[[IndexRecords], NDArray[np.bool_]]) -> Indices:
    """Indices whose records pass."""
    masks = [test(records[inside]) for records, inside in _chosen(rows, indices)]
    return indices[np.concatenate(masks)] if masks else indices


def greatest(rows: Rows, indices: Indices, name: str, size: int) -> Indices:
    """The `size` rows with the greatest values of one field, ascending; of equals the earlier."""
    values, places, seen = np.empty(0), np.empty(0, dtype=np.int64), 0
    for records, inside in _chosen(rows, indices):
        values = np.concatenate([values, records[name][inside].astype(np.float64)])
        places = np.concatenate([places, np.arange(seen, seen + len(inside))])
        best = np.argsort(-values, kind="stable")[:size]
        best.sort()
        values, places, seen = values[best], places[best], seen + len(inside)
    return indices[places]


def _chosen(rows: Rows, indices: Indices) -> Iterator[tuple[IndexRecords, NDArray[np.int64]]]:
    """Blocks with the places of the chosen rows in them."""
    for start, records in rows.blocks():
        first, last = np.searchsorted(indices, [start, start + len(records)])
        if last > first:
            yield records, indices[first:last].astype(np.int64) - start


class RowTable:
    """Rows of one source. `close` gives its disk space back."""

    def __init__(self, label: str, folder: Path) -> None:
        """`label` begins each row's origin; the rows are in nameless files under `folder`."""
        self.label = label
        self.dropped: Counter[str] = Counter()
        """Rows left out while reading, by reason."""
        self.notes: dict[str, int] = {}
        """What a reader must know of the rows that stay, with their number."""
        self.files: list[tuple[int, str]] = []
        """Rows before each file of a folder, and the file's path in it."""
        self.source_rows = 0
        """Rows read, dropped ones included."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # open as long as the table; see `close`
        self._index = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # same
        self._end = 0
        self._length = 0
        self._block: tuple[int, int, IndexRecords] | None = None

    def __len__(self) -> int:
        """Rows kept."""
        return self._length

    def append(self, number: int, turns: Turns, score: float = 0.0) -> None:
        """Keep one row; `number` counts from 1 in its source. Raises `RowError` for text that is not valid Unicode."""
        try:
            data = _dump(turns).encode()
            texts = [texts_of(turn) for turn in turns]
            content, prompt = keys(turns, texts)
        except UnicodeEncodeError as error:
            raise RowError("data.encoding", f"not valid Unicode text: {error.reason}") from error
        self._file.write(data)
        self._end += len(data)
        lengths = [sum(map(len, text)) for text in texts]
        self._index.write(_PACK(self._end, number, lengths[-1], sum(lengths), content, prompt, score))
        self._length += 1

    def blocks(self) -> Iterator[tuple[int, IndexRecords]]:
        """All records in order, a block at a time."""
        for start in range(0, self._length, _BLOCK):
            yield start, self._records(start, min(_BLOCK, self._length - start))

    def rows(self, indices: Iterable[int]) -> Iterator[tuple[bytes, str]]:
        """Per index the conversation as compact JSON and the row's origin; quickest in ascending order."""
        for index in indices:
            record = self._record(int(index))
            start = int(self._record(int(index) - 1)["end"]) if index else 0
            self._file.seek(start)
            yield self._file.read(int(record["end"]) - start), self.place(int(record["number"]))

    def place(self, number: int, label: str | None = None) -> str:
        """Place of the row of this number: the source's name, in a folder the file, and the row in it."""
        index = bisect_left(self.files, (number, ""))
        before, file = self.files[index - 1] if index else (0, "")
        return f"{label or self.label}{file and '/' + file}:{number - before}"

    def close(self) -> None:
        """Delete the rows."""
        self._file.close()
        self._index.close()

    def _records(self, start: int, count: int) -> IndexRecords:
        self._index.seek(start * INDEX.itemsize)
        return np.frombuffer(self._index.read(count * INDEX.itemsize), dtype=INDEX)

    def _record(self, index: int) -> np.void:
        """One record, from the block that was read last where it is there. The table may have grown since."""
        if self._block is None or self._block[1] != self._length or not 0 <= index - self._block[0] < _BLOCK:
            start = index - index % _BLOCK
            self._block = (start, self._length, self._records(start, min(_BLOCK, self._length - start)))
        return self._block[2][index - self._block[0]]  # type: ignore[no-any-return]  # an element of a record array


class Joined:
    """Rows of several tables as one, in order: the pool that a mix is drawn from."""

    def __init__(self, parts: Sequence[tuple[Rows, Indices]]) -> None:
        """Rows of each table that may be taken."""
        self._parts = parts
        self.starts = tuple(accumulate((len(indices) for _, indices in parts), initial=0))
        """Index of each part's first row, and the number of all."""

    def __len__(self) -> int:
        return self.starts[-1]

    def blocks(self) -> Iterator[tuple[int, IndexRecords]]:
        """All records in order, some at a time."""
        start = 0
        for rows, indices in self._parts:
            for records, inside in _chosen(rows, indices):
                yield start, records[inside]
                start += len(inside)

    def rows(self, indices: Iterable[int]) -> Iterator[tuple[bytes, str]]:
        """Per index the conversation as compact JSON and the row's origin, in its own table."""
        for index in indices:
            part = bisect_right(self.starts, index) - 1
            rows, chosen = self._parts[part]
            yield from rows.rows([int(chosen[index - self.starts[part]])])
