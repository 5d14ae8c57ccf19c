"""Which rows of a source are taken: one function per `select.by`.

Contract: a selector gets the table, the indices that may be taken (ascending) and the `Select`, and returns indices in
ascending order. What it draws depends on the rows and `seed` alone. The caller has made sure that `size` rows are
there.
"""

from __future__ import annotations

import heapq
import random
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from bench.data.table import Table
from bench.suite.data import Select

Selector = Callable[[Table, Sequence[int], Select], Sequence[int]]


def distinct(table: Table, indices: Sequence[int]) -> Sequence[int]:
    """The first of each set of rows with the same content."""
    taken = np.asarray(indices, dtype=np.int64)
    high, low = table.keys()[taken].T
    order = np.lexsort((low, high))  # stable: equal rows stay in their order
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    kept = array("I")
    kept.frombytes(np.sort(taken[order[new]]).astype(np.uint32).tobytes())
    return kept


def _all(table: Table, indices: Sequence[int], select: Select) -> Sequence[int]:
    """Every row."""
    return indices


def _first(table: Table, indices: Sequence[int], select: Select) -> Sequence[int]:
    """The first `size` rows."""
    return indices[: select.size]


def _random(table: Table, indices: Sequence[int], select: Select) -> Sequence[int]:
    """`size` rows drawn without replacement. Draws of one seed are nested: the 250 are among the 1,000."""
    order = array("I", indices)
    random.Random(f"{select.by}:{select.seed}").shuffle(order)  # noqa: S311  # a draw to be repeated, no secret
    return sorted(order[: select.size])


def _longest(table: Table, indices: Sequence[int], select: Select) -> Sequence[int]:
    """The `size` rows with the longest answers in characters (Zhao et al. 2024 count tokens); ties: the earlier row."""
    size = len(indices) if select.size is None else select.size
    return sorted(heapq.nsmallest(size, indices, key=lambda index: (-table.answer_length(index), index)))


SELECTORS: dict[str, Selector] = {
    "all": _all,
    "first": _first,
    "random": _random,
    "longest": _longest,
    "holdout": _random,
}
"""By `select.by`. A hold-out is drawn as `random` is, from distinct rows; that nothing trains on it is up to
`bench.data.resolve`."""
