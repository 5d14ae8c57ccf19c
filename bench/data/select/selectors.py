"""Which rows of a source are taken: one function per `select.by`.

Contract: a selector gets the rows, the indices that may be taken (ascending) and the `Select`, and returns indices in
ascending order. What it draws depends on the rows and `seed` alone. The caller has made sure that `size` rows are
there, and has taken near duplicates out where diversity is asked for.
"""

import random
from array import array
from collections.abc import Callable, MutableSequence

import numpy as np
from numpy.typing import NDArray

from bench.data.select.diverse import diverse
from bench.data.sources.table import IndexRecords, Indices, Rows, filtered, greatest
from bench.suite.tables.data import LengthFilter, Select

Selector = Callable[[Rows, Indices, Select], Indices]


def draw(indices: Indices, size: int | None, seed_text: str) -> Indices:
    """`size` of the indices without replacement, ascending. Draws of a seed are nested: the 250 are among the 1,000."""
    order = array("I")
    order.frombytes(indices.data.cast("B"))
    shuffle(order, random.Random(seed_text))  # noqa: S311  # a draw to be repeated, no secret
    return np.sort(np.frombuffer(order, dtype=np.uint32)[:size])


def shuffle(order: MutableSequence[int], rng: random.Random) -> None:
    """Do what `rng.shuffle` does, which calls two functions for each row: each draw shuffles all rows of its table."""
    bits, top = rng.getrandbits, len(order)
    while top > 1:
        width = top.bit_length()
        least = 1 << width - 1  # as many rows or more are drawn from with as many bits
        for place in range(top - 1, least - 2, -1):
            while (other := bits(width)) > place:
                pass
            order[place], order[other] = order[other], order[place]
        top = least - 1


def within(rows: Rows, indices: Indices, limits: LengthFilter) -> Indices:
    """The rows whose lengths in characters are within the limits."""
    bounds = (
        ("answer", limits.min_answer_characters, limits.max_answer_characters),
        ("total", limits.min_characters, limits.max_characters),
    )

    def test(records: IndexRecords) -> NDArray[np.bool_]:
        passes = np.ones(len(records), dtype=bool)
        for name, low, high in bounds:
            passes &= records[name] >= (low or 0)
            if high is not None:
                passes &= records[name] <= high
        return passes

    return filtered(rows, indices, test)


def at_least(rows: Rows, indices: Indices, minimum: float) -> Indices:
    """The rows whose score is not below `minimum`."""
    return filtered(rows, indices, lambda records: records["score"] >= minimum)


def _all(rows: Rows, indices: Indices, select: Select) -> Indices:
    """Every row."""
    return indices


def _first(rows: Rows, indices: Indices, select: Select) -> Indices:
    """The first `size` rows after `offset` rows."""
    assert select.size is not None, "validated"
    return indices[select.offset : select.offset + select.size]


def _random(rows: Rows, indices: Indices, select: Select) -> Indices:
    """`size` rows drawn with the seed."""
    return draw(indices, select.size, f"{select.by}:{select.seed}")


def _longest(rows: Rows, indices: Indices, select: Select) -> Indices:
    """The `size` rows with the longest answers in characters (Zhao et al. 2024 count tokens); ties: the earlier row."""
    assert select.size is not None, "validated"
    return greatest(rows, indices, "answer", select.size)


def _score(rows: Rows, indices: Indices, select: Select) -> Indices:
    """The `size` rows with the highest scores, all without a size; ties: the earlier row."""
    return indices if select.size is None else greatest(rows, indices, "score", select.size)


def _diverse(rows: Rows, indices: Indices, select: Select) -> Indices:
    """`size` rows that cover the source; see `bench.data.select.diverse`."""
    assert select.size is not None, "validated"
    return diverse(rows, indices, size=select.size, seed=select.seed)


SELECTORS: dict[str, Selector] = {
    "all": _all,
    "first": _first,
    "random": _random,
    "longest": _longest,
    "score": _score,
    "diverse": _diverse,
    "holdout": _random,
}
"""By `select.by`. A hold-out is drawn as `random` is, from distinct rows; that nothing trains on it is up to
`bench.data.resolve`."""
