"""A small set of rows that covers a source: k-centre greedy (Gonzalez 1985; for data sets, Sener & Savarese 2018).

Contract: a row is represented by its words and word pairs, hashed into 256 signed counts (Weinberger et al. 2009):
square roots of counts, scaled to unit length. The first centre is drawn with the seed; each next is the row that is
farthest from all centres taken, of equals the earlier one. The caller takes near duplicates out first. All similarities
are whole numbers that fp32 holds exactly, so that every machine takes the same rows. Memory does not grow with the
rows: vectors are in a file, and many are read a block at a time.
"""

import random
import tempfile
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from bench.data.select.hashed_words import Hasher, Hashes, grams
from bench.data.sources.table import Indices, Rows

DIMENSIONS = 256
_SCALE = 4000
"""Length of a vector before rounding to whole numbers: any dot product stays below 2^24, exact in fp32."""
_WHOLE_ROWS, _BLOCK_ROWS = 1 << 16, 1 << 13
"""Vectors held at once: all of them up to 64 MB, else 8 MB at a time."""

Vectors = NDArray[np.float32]


def diverse(rows: Rows, indices: Indices, *, size: int, seed: int) -> Indices:
    """`size` of the rows, ascending."""
    with tempfile.TemporaryFile() as file:
        for vector in _vectors(rows, indices):
            file.write(vector.tobytes())
        centres = _centres(file, len(indices), size=size, seed=seed)
    taken: Indices = indices[np.sort(centres)]
    return taken


def represent(words: Hashes) -> NDArray[np.int16]:
    """One row's vector, shape `(256,)`."""
    features, counts = np.unique(np.concatenate([words, grams(words, 2)]), return_counts=True)
    signs = np.where(features >> np.uint64(63), 1.0, -1.0)
    places = (features >> np.uint64(40)) % np.uint64(DIMENSIONS)
    vector = np.bincount(places.astype(np.int64), weights=signs * np.sqrt(counts), minlength=DIMENSIONS)
    length = float(np.sqrt(np.sum(vector * vector)))
    scaled: NDArray[np.int16] = np.rint(vector * (_SCALE / length if length else 0.0)).astype(np.int16)
    return scaled


def _vectors(rows: Rows, indices: Indices) -> Iterator[NDArray[np.int16]]:
    hasher = Hasher()
    for conversation, _ in rows.rows(indices):
        yield represent(hasher.words(conversation))


def _centres(file: IO[bytes], count: int, *, size: int, seed: int) -> list[int]:
    """Places of the centres, in the order in which they were taken."""
    blocks = _Blocks(file, count)
    nearest = np.full(count, -np.inf, dtype=np.float32)  # similarity to the most similar centre
    centre = random.Random(f"diverse:{seed}").randrange(count)  # noqa: S311  # a draw to be repeated, no secret
    taken = [centre]
    while True:
        vector = blocks.vector(centre)
        for start, block in blocks:
            part = nearest[start : start + len(block)]
            np.maximum(part, block @ vector, out=part)
        nearest[centre] = np.inf
        if len(taken) == size:
            return taken
        centre = int(np.argmin(nearest))
        taken.append(centre)


class _Blocks:
    """Vectors of a file; what fits into one block is read once."""

    def __init__(self, file: IO[bytes], count: int) -> None:
        self._file, self._count = file, count
        self._whole = self._read(0, count) if count <= _WHOLE_ROWS else None

    def __iter__(self) -> Iterator[tuple[int, Vectors]]:
        if self._whole is not None:
            yield 0, self._whole
            return
        for start in range(0, self._count, _BLOCK_ROWS):
            yield start, self._read(start, _BLOCK_ROWS)

    def vector(self, place: int) -> Vectors:
        """One of them."""
        vector: Vectors = self._read(place, 1)[0]
        return vector

    def _read(self, start: int, rows: int) -> Vectors:
        width = 2 * DIMENSIONS
        self._file.seek(start * width)
        data = self._file.read(min(rows, self._count - start) * width)
        return np.frombuffer(data, dtype=np.int16).reshape(-1, DIMENSIONS).astype(np.float32)
