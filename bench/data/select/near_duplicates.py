"""Exact and near duplicates.

Contract: of rows that are equal (`exact`) or nearly so (`near`) the first stays. Two rows are near duplicates if the
sets of their word triples have a Jaccard similarity of at least `THRESHOLD`. Candidates come from MinHash signatures in
bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3): 16 bands of 4 find a pair at the threshold with
a probability of 0.9998, and more alike ones almost surely; each candidate is then compared exactly. In memory a row
costs a byte and an index.
"""

import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.data.select.hashed_words import Hasher, Hashes, grams
from bench.data.sources.table import Indices, Rows

THRESHOLD = 0.8
BANDS, BAND_ROWS = 16, 4
_GRAM = 3
_PART = 1 << 16
"""Rows whose hashes are sorted at once."""
_COMPARED = 64
"""Rows of one band's bucket, from the first, that each further one is compared with."""
_SETS_REMEMBERED = 1024

_random = np.random.Generator(np.random.PCG64(20))
_FACTORS = _random.integers(1, 2**63, size=(BANDS * BAND_ROWS, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _random.integers(0, 2**63, size=(BANDS * BAND_ROWS, 1), dtype=np.uint64)
_JOIN = _random.integers(1, 2**63, size=(1, BAND_ROWS), dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def distinct(rows: Rows, indices: Indices) -> Indices:
    """The first of each set of rows with the same content."""
    new = np.zeros(len(indices), dtype=bool)
    parts = _parts(len(indices))
    for part in range(parts):
        places, keys = _keys_of_part(rows, indices, part, parts)
        new[places[np.unique(keys, return_index=True)[1]]] = True
    return indices[new]


def near_distinct(rows: Rows, indices: Indices) -> Indices:
    """The rows that are no near duplicate of an earlier one, kept or not."""
    dropped = np.zeros(len(indices), dtype=bool)
    alike = _Alike(rows, indices)
    with tempfile.TemporaryFile() as file:
        for signature in _signatures(rows, indices):
            file.write(signature.tobytes())
        file.flush()
        signatures = _Signatures(file.fileno(), len(indices))
        for band in range(BANDS):
            for group in signatures.groups(band):
                _drop_repeats(group, dropped, alike)
    return indices[~dropped]


def _parts(count: int) -> int:
    return max(1, -(-count // _PART))


def _keys_of_part(rows: Rows, indices: Indices, part: int, parts: int) -> tuple[NDArray[np.int64], Hashes]:
    """Places of the rows whose content key falls into this part, and those keys."""
    places, keys, seen = [], [], 0
    for start, records in rows.blocks():
        first, last = np.searchsorted(indices, [start, start + len(records)])
        block = records["key"][indices[first:last].astype(np.int64) - start]
        members = np.flatnonzero(block % np.uint64(parts) == part)
        places.append(members + seen)
        keys.append(block[members])
        seen += len(block)
    return np.concatenate(places), np.concatenate(keys)


def _signatures(rows: Rows, indices: Indices) -> Iterator[Hashes]:
    """Per row one hash per band, shape `(BANDS,)`."""
    hasher = Hasher()
    for conversation, _ in rows.rows(indices):
        triples = np.unique(grams(hasher.words(conversation), _GRAM))
        smallest = np.minimum.reduce(triples * _FACTORS + _TERMS, axis=1) >> np.uint64(32)
        yield np.bitwise_xor.reduce((smallest.reshape(BANDS, BAND_ROWS) + np.uint64(1)) * _JOIN, axis=1)


class _Signatures:
    """Signatures in a file, read band by band."""

    def __init__(self, descriptor: int, count: int) -> None:
        self._descriptor = descriptor
        self._count = count

    def groups(self, band: int) -> Iterator[NDArray[np.int64]]:
        """Places, ascending, of rows that agree in this band; groups of two and more."""
        parts = _parts(self._count)
        for part in range(parts):
            places, hashes = self._part(band, part, parts)
            order = np.argsort(hashes, kind="stable")
            edges = np.flatnonzero(np.diff(hashes[order])) + 1
            for group in np.split(order, edges):
                if len(group) > 1:
                    yield places[group]

    def _part(self, band: int, part: int, parts: int) -> tuple[NDArray[np.int64], Hashes]:
        places, hashes, width = [], [], 8 * BANDS
        for start in range(0, self._count, _PART // 4):
            count = min(_PART // 4, self._count - start)
            block = np.frombuffer(os.pread(self._descriptor, count * width, start * width), dtype=np.uint64)
            values = block.reshape(count, BANDS)[:, band]
            rows = np.flatnonzero((values >> np.uint64(32)) % np.uint64(parts) == part)
            places.append(rows + start)
            hashes.append(values[rows])
        return np.concatenate(places), np.concatenate(hashes)


class _Alike:
    """Whether two rows are near duplicates, by the exact similarity of their sets of word triples."""

    def __init__(self, rows: Rows, indices: Indices) -> None:
        self._keys = lru_cache(_SETS_REMEMBERED)(self._triples)
        self._rows, self._indices, self._hasher = rows, indices, Hasher()

    def __call__(self, row: int, earlier: int) -> bool:
        left, right = self._keys(row), self._keys(earlier)
        if min(len(left), len(right)) < THRESHOLD * max(len(left), len(right)):
            return False
        common = len(np.intersect1d(left, right, assume_unique=True))
        return common >= THRESHOLD * (len(left) + len(right) - common)

    def _triples(self, place: int) -> Hashes:
        [(conversation, _)] = self._rows.rows([int(self._indices[place])])
        return np.unique(grams(self._hasher.words(conversation), _GRAM))


def _drop_repeats(group: NDArray[np.int64], dropped: NDArray[np.bool_], alike: _Alike) -> None:
    earlier: list[int] = []
    for place in group.tolist():
        if not dropped[place]:
            dropped[place] = any(alike(other, place) for other in earlier)
        if len(earlier) < _COMPARED:
            earlier.append(place)
