"""Batches on disk: written once in order, read one at a time, so that a training needs no memory for its rows.

Contract: what is read equals what was appended. The file has no name and is gone with its last reader; forks may read
from it side by side. In memory stays one number per batch. Batches that another process wrote are read from its file.
"""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import IO, Self, overload

import numpy as np
from numpy.typing import NDArray

from bench.train.batches.encoded_row import Batch, EncodedRow

_BYTES = 4
"""All is written as int32: counts, row numbers, token ids, labels."""


class SpooledBatches(Sequence[Batch]):
    """Batches in the order in which they were appended."""

    def __init__(self, folder: Path | None = None) -> None:
        """The file is in `folder`, by default the system's for temporary files."""
        self._descriptor, name = tempfile.mkstemp(dir=folder, prefix=".batches-")
        Path(name).unlink()
        weakref.finalize(self, os.close, self._descriptor)
        self._whole: SpooledBatches | None = None  # what a slice was taken of, kept alive for its open file
        self._ends = array("Q", [0])
        """Ends of the batches, counted in numbers of four bytes."""
        self._indices = range(0)
        self._begin = 0
        """Byte of the file at which the numbers begin."""

    @classmethod
    def reading(cls, file: IO[bytes], batches: int) -> Self:
        """So many batches that `stored` gave, from where the file is at; it may be closed afterwards, and removed."""
        read = cls.__new__(cls)
        read._descriptor, read._whole = os.dup(file.fileno()), None
        weakref.finalize(read, os.close, read._descriptor)
        read._ends = array("Q")
        read._ends.frombytes(file.read((batches + 1) * read._ends.itemsize))
        read._indices, read._begin = range(batches), file.tell()
        return read

    @property
    def stored_bytes(self) -> int:
        """Length of `stored`."""
        return len(self._ends) * self._ends.itemsize + self._ends[-1] * _BYTES

    def stored(self) -> Iterator[bytes]:
        """All batches as bytes, a batch at a time. Not to be called on a slice."""
        yield self._ends.tobytes()
        for start, end in pairwise(self._ends):
            yield os.pread(self._descriptor, (end - start) * _BYTES, self._begin + start * _BYTES)

    def append(self, batch: Batch) -> None:
        """Write one more batch. Not to be called on a slice, nor on what another process wrote."""
        numbers = np.concatenate(list(_encoded(batch))).astype(np.int32, copy=False)
        data = memoryview(numbers.tobytes())
        written, start = 0, self._ends[-1] * _BYTES
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], start + written)
        self._ends.append(self._ends[-1] + len(numbers))
        self._indices = range(len(self._indices) + 1)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Batch | Self:
        if isinstance(index, slice):
            part = copy(self)
            part._indices, part._whole = self._indices[index], self
            return part
        place = self._indices[index]
        start, end = self._ends[place], self._ends[place + 1]
        data = os.pread(self._descriptor, (end - start) * _BYTES, self._begin + start * _BYTES)
        return _decoded(np.frombuffer(data, dtype=np.int32))


def _encoded(batch: Batch) -> Iterator[NDArray[np.int32]]:
    """Sequences; of each its examples; of each example its counts and rows, then ids and labels."""
    yield np.array([len(batch)], dtype=np.int32)
    for sequence in batch:
        yield np.array([len(sequence)], dtype=np.int32)
        for example in sequence:
            counts = (example.tokens, example.supervised_tokens, example.truncated, len(example.rows))
            yield np.array([*counts, *example.rows], dtype=np.int32)
            yield example.ids
            yield example.labels


def _decoded(numbers: NDArray[np.int32]) -> Batch:
    at = 0

    def take(count: int) -> NDArray[np.int32]:
        nonlocal at
        at += count
        return numbers[at - count : at]

    def example() -> EncodedRow:
        tokens, supervised, truncated, rows = take(4).tolist()
        return EncodedRow(
            rows=tuple(take(rows).tolist()),
            ids=take(tokens),
            labels=take(tokens),
            supervised_tokens=supervised,
            truncated=bool(truncated),
        )

    return tuple(tuple(example() for _ in range(int(take(1)[0]))) for _ in range(int(take(1)[0])))
