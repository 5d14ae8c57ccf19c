"""Sequences and batches from scheduled rows: packing, grouping by length, batches by rows or by slots.

Contract: a pure function of the rows, the recipe and the seed. Rows are rearranged only within windows, so that a
training still sees its rows in roughly the order of the schedule; a window ends with its epoch, so that no row comes
twice before every row came once.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import TypeVar

import numpy as np

from bench.suite.tables.training.recipe import Recipe
from bench.train.batches.encoded_row import IGNORED, Batch, EncodedRow, PackedRow, length

_Item = TypeVar("_Item")

PACKING_WINDOW = 1024
"""Rows that are packed together."""
GROUPING_WINDOW = 50
"""Batches whose rows are sorted together, as in transformers' length-grouped sampler."""
TOKEN_GROUPING_WINDOW = 1024
"""Rows that are sorted together where batches are measured in slots."""


def arrange(rows: Iterable[tuple[int, EncodedRow]], recipe: Recipe, *, capacity: int, seed: int) -> Iterator[Batch]:
    """Batches in training order, lazily. `rows`: each with the number of its epoch. `capacity`: tokens of a packed
    sequence. Every token comes exactly once."""
    generator = np.random.default_rng([seed, 1])
    if recipe.packing == "wrapped":
        return _cut(((piece,) for piece in wrap((row for _, row in rows), capacity)), recipe)
    pack_epoch = _PACKINGS[recipe.packing]
    epochs = (
        pack_epoch((row for _, row in epoch), capacity, generator) for _, epoch in groupby(rows, key=itemgetter(0))
    )
    if not recipe.group_by_length:
        return _cut(chain.from_iterable(epochs), recipe)
    window = TOKEN_GROUPING_WINDOW if recipe.batch_tokens else GROUPING_WINDOW * recipe.batch_rows
    return _grouped(epochs, recipe, window, generator)


def pack(examples: Iterable[EncodedRow], capacity: int) -> list[PackedRow]:
    """Best-fit decreasing: the longest row first, each into the fullest sequence that still has room for it.

    Johnson 1974; the strategy that TRL calls `bfd`. A row longer than `capacity` gets a sequence of its own.
    """
    bins: list[list[EncodedRow]] = []
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


def split(example: EncodedRow, capacity: int) -> list[EncodedRow]:
    """A row in parts of at most `capacity` tokens, those without anything supervised included, as TRL has them.

    No part sees another: the first token of each has nothing to be predicted from and is not supervised.
    """
    if example.tokens <= capacity:
        return [example]
    return [
        _part(
            example.ids[start : start + capacity],
            example.labels[start : start + capacity],
            rows=() if start else example.rows,
        )
        for start in range(0, example.tokens, capacity)
    ]


def wrap(examples: Iterable[EncodedRow], capacity: int) -> Iterator[EncodedRow]:
    """One stream of all rows, cut every `capacity` tokens; the last piece may be shorter."""
    waiting: list[EncodedRow] = []
    tokens = 0
    for example in examples:
        waiting.append(example)
        tokens += example.tokens
        while tokens >= capacity:
            whole, rest = _cut_at(waiting, capacity)
            yield whole
            waiting, tokens = ([rest], rest.tokens) if rest is not None else ([], 0)
    if waiting:
        yield _cut_at(waiting, capacity)[0]


def _cut_at(examples: list[EncodedRow], capacity: int) -> tuple[EncodedRow, EncodedRow | None]:
    """The first `capacity` tokens of these rows as one, and what is left of the last row."""
    ids = np.concatenate([example.ids for example in examples])
    labels = np.concatenate([example.labels for example in examples])
    rows = tuple(row for example in examples for row in example.rows)
    rest = None
    if len(ids) > capacity:
        rest = _part(ids[capacity:], labels[capacity:], rows=())
    return _part(ids[:capacity], labels[:capacity], rows=rows), rest


def _part(ids: np.ndarray, labels: np.ndarray, *, rows: tuple[int, ...]) -> EncodedRow:
    labels = labels.copy()
    labels[:1] = IGNORED
    supervised = int((labels != IGNORED).sum())
    return EncodedRow(rows=rows, ids=ids, labels=labels, supervised_tokens=supervised, truncated=False)


def _one_by_one(examples: Iterable[EncodedRow], capacity: int, generator: np.random.Generator) -> Iterator[PackedRow]:
    return ((example,) for example in examples)


def _packed(examples: Iterable[EncodedRow], capacity: int, generator: np.random.Generator) -> Iterator[PackedRow]:
    for window in _windows(iter(examples), PACKING_WINDOW):
        packs = pack(window, capacity)
        for index in generator.permutation(len(packs)):  # packing sorts by length; training should not
            yield packs[index]


def _split_and_packed(
    examples: Iterable[EncodedRow], capacity: int, generator: np.random.Generator
) -> Iterator[PackedRow]:
    return _packed((part for example in examples for part in split(example, capacity)), capacity, generator)


_Packing = Callable[[Iterable[EncodedRow], int, np.random.Generator], Iterator[PackedRow]]
_PACKINGS: dict[str, _Packing] = {
    "none": _one_by_one,
    "bfd": _packed,
    "bfd_split": _split_and_packed,
}


def _cut(sequences: Iterable[PackedRow], recipe: Recipe) -> Iterator[Batch]:
    """Batches of `batch_rows` sequences, or of at most `batch_tokens` slots; a longer sequence is alone."""
    batch: list[PackedRow] = []
    longest = 0
    for sequence in sequences:
        longest = max(longest, length(sequence))
        full = len(batch) == recipe.batch_rows
        if recipe.batch_tokens is not None:
            full = bool(batch) and (len(batch) + 1) * longest > recipe.batch_tokens
        if full:
            yield tuple(batch)
            batch, longest = [], length(sequence)
        batch.append(sequence)
    if batch:
        yield tuple(batch)


def _grouped(
    epochs: Iterable[Iterator[PackedRow]], recipe: Recipe, size: int, generator: np.random.Generator
) -> Iterator[Batch]:
    """Batches of sequences of similar length. What is too short for a batch is filled up first from what follows."""
    rest: list[PackedRow] = []
    for window in chain.from_iterable(_windows(epoch, size) for epoch in epochs):
        missing = recipe.batch_rows - len(rest) if rest else 0
        rest, window = rest + window[:missing], window[missing:]
        if len(rest) == recipe.batch_rows:
            yield tuple(rest)
            rest = []
        window.sort(key=length, reverse=True)
        batches = list(_cut(window, recipe))
        if batches and recipe.batch_tokens is None and len(batches[-1]) < recipe.batch_rows:
            rest = list(batches.pop())
        for index in generator.permutation(len(batches)):
            yield batches[index]
    if rest:
        yield tuple(rest)


def _windows(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while window := list(islice(items, size)):
        yield window
