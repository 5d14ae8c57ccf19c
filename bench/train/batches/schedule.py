"""The rows that an arm trains on, in order and in batches: from rows and a budget to a `Schedule`.

Contract: rows are taken epoch by epoch, each epoch in a fresh seeded order, until the budget is spent. Only rows that
are needed are rendered, each once, and stored on disk: memory does not grow with them. What a schedule counts is what
training will count: the trainer checks that.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count, islice
from pathlib import Path
from typing import Self

import numpy as np

from bench.data.render.row import Row
from bench.errors import InputError, Problem
from bench.record.results.training.facts import LargestPass
from bench.record.results.training.result import NOTHING_SUPERVISED
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.recipe import Recipe
from bench.train.batches.disk_batches import SpooledBatches
from bench.train.batches.encoded_row import Batch, EncodedRow, RowRenderer, encode_row, length, slots
from bench.train.batches.packing import arrange


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """Summed over all batches of a schedule."""

    rows: int
    distinct_rows: int
    tokens: int
    supervised_tokens: int
    slots: int
    truncated_rows: int
    largest: tuple[int, ...]
    """Index of the batch with most slots, and among equals with most supervised tokens: in the first step, and behind
    it where there is more."""
    most_supervised: tuple[int, ...]
    """Supervised tokens of a batch, at most: same parts."""


@dataclass(frozen=True)
class Schedule:
    """Batches in training order, and what there is to count about them."""

    batches: Sequence[Batch]
    """The forward passes."""
    accumulation: int
    """Forward passes per optimiser step; the last step may have fewer."""
    available_rows: int
    dropped_rows: int
    """Distinct rows that were reached and had nothing to supervise."""
    refused_rows: int = 0
    """Distinct rows that were reached and that the template cannot print."""

    def first(self, steps: int) -> Self:
        """This schedule, ended after so many optimiser steps."""
        kept = self.batches[: steps * self.accumulation]
        return replace(self, batches=kept)

    def with_largest_pass(self, steps: int) -> Self:
        """The first steps, the second of which begins with the largest pass behind the first step: memory peaks in one
        of the two, as the optimiser's states are not there before the second."""
        first, largest = self.batches[: self.accumulation], self.batches[self._totals.largest[-1]]
        rest = self.batches[self.accumulation : steps * self.accumulation - 1]
        return replace(self, batches=[*first, largest, *rest])

    def each_step(self) -> Iterator[Self]:
        """This schedule in parts of one optimiser step."""
        for start in range(0, len(self.batches), self.accumulation):
            kept = self.batches[start : start + self.accumulation]
            yield replace(self, batches=kept)

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return math.ceil(len(self.batches) / self.accumulation)

    def examples(self) -> Iterator[EncodedRow]:
        """All rows seen, repeats included."""
        return (example for batch in self.batches for sequence in batch for example in sequence)

    @property
    def rows(self) -> int:
        """Rows seen, repeats counted."""
        return self._totals.rows

    @property
    def distinct_rows(self) -> int:
        """Different rows seen."""
        return self._totals.distinct_rows

    @property
    def epochs(self) -> float:
        """Rows seen per row available."""
        return self.rows / self.available_rows

    @property
    def tokens(self) -> int:
        """Non-padding tokens."""
        return self._totals.tokens

    @property
    def supervised_tokens(self) -> int:
        """Labels that enter the loss."""
        return self._totals.supervised_tokens

    @property
    def slots(self) -> int:
        """Batch × padded length, summed over the forward passes."""
        return self._totals.slots

    @property
    def truncated_rows(self) -> int:
        """Rows seen that were cut."""
        return self._totals.truncated_rows

    @property
    def largest_passes(self) -> tuple[LargestPass, LargestPass | None]:
        """Largest passes of the first step, and of the others where there are any: the shape of the batch with most
        slots, and the most supervised tokens of any."""
        first, *later = map(self._largest, self._totals.largest, self._totals.most_supervised)
        return first, later[0] if later else None

    def _largest(self, index: int, most_supervised: int) -> LargestPass:
        batch = self.batches[index]
        return LargestPass(rows=len(batch), width=max(map(length, batch)), supervised_tokens=most_supervised)

    @cached_property
    def _totals(self) -> _Totals:
        """Sums, from one reading of the batches."""
        seen = np.zeros(self.available_rows, dtype=np.bool_)
        rows = tokens = supervised = padded = truncated = 0
        largest, size, most_supervised = [0], (0, 0), [0]
        for index, batch in enumerate(self.batches):
            if index == self.accumulation:  # the second step begins
                largest, size, most_supervised = [*largest, index], (0, 0), [*most_supervised, 0]
            here, before = slots(batch), supervised
            padded += here
            for example in (example for sequence in batch for example in sequence):
                seen[list(example.rows)] = True
                rows += len(example.rows)
                tokens += example.tokens
                supervised += example.supervised_tokens
                truncated += example.truncated
            in_batch = supervised - before
            most_supervised[-1] = max(most_supervised[-1], in_batch)
            if (here, in_batch) > size:
                largest[-1], size = index, (here, in_batch)
        return _Totals(
            rows=rows,
            distinct_rows=int(seen.sum()),
            tokens=tokens,
            supervised_tokens=supervised,
            slots=padded,
            truncated_rows=truncated,
            largest=tuple(largest),
            most_supervised=tuple(most_supervised),
        )


_UNSEEN, _NOTHING, _REFUSED = -1, -2, -3
"""In place of the position of a rendered row: not yet rendered, nothing to supervise, refused by the template."""


class _Epochs:
    """Rendered rows, epoch after epoch without end, in seeded order; each row is rendered once."""

    def __init__(self, rows: Sequence[Row], renderer: RowRenderer, seed: int, folder: Path | None) -> None:
        self._rows, self._renderer, self._seed = rows, renderer, seed
        self._rendered = SpooledBatches(folder)
        self._places = np.full(len(rows), _UNSEEN, dtype=np.int64)

    def __iter__(self) -> Iterator[tuple[int, EncodedRow | None]]:
        """Rows with the number of their epoch; `None` stands for a row that teaches nothing, or cannot be rendered."""
        for epoch in count():
            order = np.random.default_rng([self._seed, 0, epoch]).permutation(len(self._rows))
            yield from ((epoch, self._example(int(index))) for index in order)

    def kept(self) -> Iterator[tuple[int, EncodedRow]]:
        """The rows with something to supervise. Raises `InputError` if there are none."""
        since_kept = 0
        longest = 2 * (len(self._rows) - 1)  # of one row among empty ones: first in its epoch, last in the next
        for epoch, example in self:
            since_kept = since_kept + 1 if example is None or not example.supervised_tokens else 0
            if since_kept > longest:
                raise InputError(_NOTHING_TO_LEARN)
            if example is not None:
                yield epoch, example

    @property
    def dropped(self) -> int:
        """Distinct rows reached so far with nothing to supervise."""
        return int((self._places == _NOTHING).sum())

    @property
    def refused(self) -> int:
        """Distinct rows reached so far that the template refuses; `planning/check.py` says whether that may be."""
        return int((self._places == _REFUSED).sum())

    def _example(self, index: int) -> EncodedRow | None:
        place = int(self._places[index])
        if place in (_NOTHING, _REFUSED):
            return None
        if place != _UNSEEN:
            return self._rendered[place][0][0]
        try:
            example = encode_row(index, self._rows[index], self._renderer)
        except InputError:
            self._places[index] = _REFUSED
            return None
        self._places[index] = _NOTHING if example is None else len(self._rendered)
        if example is not None:
            self._rendered.append(((example,),))
        return example


_NOTHING_TO_LEARN = Problem(
    reference="data.nothing-supervised",
    what=NOTHING_SUPERVISED,
    hint="raise max_length: prompts alone may fill it; or check the answers of the data",
)


def plan_schedule(
    rows: Sequence[Row],
    renderer: RowRenderer,
    recipe: Recipe,
    budget: Budget,
    *,
    max_length: int,
    seed: int,
    operations: Callable[[EncodedRow], int] | None = None,
    folder: Path | None = None,
    steps: int | None = None,
) -> Schedule:
    """The schedule of one seed replicate. Raises `InputError` if there are no rows or none has anything to learn.

    A budget of tokens, supervised tokens or operations is met within half a row: the last row is taken only if that
    brings the sum nearer. At least one row is taken. `operations` counts those of one row, for a budget in `flops`; a
    budget in `seconds` has to be turned into tokens before. Rendered rows are stored in `folder`, by default the
    system's for temporary files. `steps`: the schedule ends after so many, and rows that only later ones would take are
    not rendered.
    """
    if not rows:
        raise InputError(_NOTHING_TO_LEARN)
    stream_seed = seed % 2**32  # numpy takes no negative seeds
    epochs = _Epochs(rows, renderer, stream_seed, folder)
    if budget.unit == "steps":
        batches = arrange(epochs.kept(), recipe, capacity=max_length, seed=stream_seed)
        batches = islice(batches, round(budget.amount) * recipe.accumulation)
    else:
        examples = _take(epochs, budget, len(rows), operations)
        batches = arrange(examples, recipe, capacity=max_length, seed=stream_seed)
    taken = SpooledBatches(folder)
    for batch in islice(batches, None if steps is None else steps * recipe.accumulation):
        taken.append(batch)
    return Schedule(taken, recipe.accumulation, len(rows), epochs.dropped, epochs.refused)


_EpochRow = tuple[int, EncodedRow]


def _take(
    epochs: _Epochs, budget: Budget, rows: int, operations: Callable[[EncodedRow], int] | None
) -> Iterator[_EpochRow]:
    """The rows that the budget pays for, with the number of their epoch."""
    if budget.unit == "epochs":
        taken = islice(epochs, max(1, round(budget.amount * rows)))
        kept = ((epoch, example) for epoch, example in taken if example is not None)
        first = next(kept, None)
        return islice(epochs.kept(), 1) if first is None else chain([first], kept)
    sizes: dict[str, Callable[[EncodedRow], int] | None] = {
        "tokens": lambda example: example.tokens,
        "supervised_tokens": lambda example: example.supervised_tokens,
        "flops": operations,
    }
    size = sizes[budget.unit]
    assert size is not None, "a budget in flops comes with a count of operations"
    return _until(epochs.kept(), budget.amount, size)


def _until(rows: Iterator[_EpochRow], amount: float, size: Callable[[EncodedRow], int]) -> Iterator[_EpochRow]:
    total = 0
    for epoch, example in rows:
        after = total + size(example)
        if total and abs(after - amount) >= abs(total - amount):
            return
        yield epoch, example
        total = after
        if total >= amount:
            return
