"""How scheduled rows become sequences and batches: packing, and grouping by length.

Contract: a pure function of the rows, the recipe and the seed. Rows are rearranged only within windows, so that a
training still meets its rows in roughly the order of the schedule.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

from bench.suite.recipe import Recipe
from bench.train.example import Example, Sequence, length

_Item = TypeVar("_Item")

PACKING_WINDOW = 1024
"""Rows that are packed together."""
GROUPING_WINDOW = 50
"""Batches whose rows are sorted together, as in transformers' length-grouped sampler."""


def arrange(examples: Iterable[Example], recipe: Recipe, *, capacity: int, seed: int) -> Iterator[Sequence]:
    """Sequences in training order, lazily. `capacity`: tokens of a packed sequence. Every row comes exactly once."""
    generator = np.random.default_rng([seed, 1])
    sequences: Iterator[Sequence] = ((example,) for example in examples)
    if recipe.packing == "bfd":
        sequences = _packed(examples, capacity, generator)
    if recipe.group_by_length:
        sequences = _grouped(sequences, recipe.batch_rows, generator)
    return sequences


def pack(examples: Iterable[Example], capacity: int) -> list[Sequence]:
    """Best-fit decreasing: the longest row first, each into the fullest sequence that still has room for it.

    Johnson 1974; the strategy that TRL calls `bfd`. A row longer than `capacity` gets a sequence of its own.
    """
    bins: list[list[Example]] = []
    room: list[tuple[int, int]] = []  # (free tokens, bin), sorted
    for example in sorted(examples, key=lambda example: -example.tokens):
        place = bisect_left(room, (example.tokens, -1))
        if place < len(room):
            free, index = room.pop(place)
        else:
            free, index = max(capacity, example.tokens), len(bins)
            bins.append([])
        bins[index].append(example)
        insort(room, (free - example.tokens, index))
    return [tuple(members) for members in bins]


def _packed(examples: Iterable[Example], capacity: int, generator: np.random.Generator) -> Iterator[Sequence]:
    for window in _windows(iter(examples), PACKING_WINDOW):
        packs = pack(window, capacity)
        for index in generator.permutation(len(packs)):  # packing sorts by length; training should not
            yield packs[index]


def _grouped(sequences: Iterator[Sequence], batch_rows: int, generator: np.random.Generator) -> Iterator[Sequence]:
    for window in _windows(sequences, GROUPING_WINDOW * batch_rows):
        window.sort(key=length, reverse=True)
        batches = [window[start : start + batch_rows] for start in range(0, len(window), batch_rows)]
        whole = len(window) // batch_rows
        for index in [*generator.permutation(whole), *range(whole, len(batches))]:  # a short batch stays last
            yield from batches[index]


def _windows(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while window := list(islice(items, size)):
        yield window
