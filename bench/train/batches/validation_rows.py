"""Rows that are held out for validation while training, and their batches.

Contract: the split depends on the training's seed and the number of rows alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from bench.data.render.row import Row
from bench.errors import InputError, Problem
from bench.suite.tables.training.recipe import Recipe
from bench.suite.tables.training.validation import Validation
from bench.train.batches.disk_batches import SpooledBatches
from bench.train.batches.encoded_row import Batch, RowRenderer, encode_row


@dataclass(frozen=True)
class Part(Sequence[Row]):
    """Some of the rows, in their order, read only when asked for."""

    rows: Sequence[Row]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Part": ...
    def __getitem__(self, index: int | slice) -> "Row | Part":
        if isinstance(index, slice):
            return Part(self.rows, self.indices[index])
        return self.rows[self.indices[index]]


def split_rows(rows: Sequence[Row], validation: Validation, seed: int) -> tuple[Part, Part]:
    """Rows to train on and rows held out, both in their order. Raises `InputError` below two rows."""
    if len(rows) < 2:
        raise InputError(
            Problem(
                reference="recipe.validation",
                what="validation needs at least two rows, one of them to train on",
                where="recipe.*.validation",
                hint="take the table out",
            )
        )
    count = min(len(rows) - 1, max(1, round(validation.share * len(rows))))
    if validation.by == "last":
        return Part(rows, tuple(range(len(rows) - count))), Part(rows, tuple(range(len(rows) - count, len(rows))))
    order = np.random.default_rng([seed % 2**32, 2]).permutation(len(rows)).tolist()
    return Part(rows, tuple(sorted(order[count:]))), Part(rows, tuple(sorted(order[:count])))


def validation_batches(
    rows: Sequence[Row], renderer: RowRenderer, recipe: Recipe, *, folder: Path | None = None
) -> Sequence[Batch]:
    """The held-out rows in unpacked batches, on disk in `folder` (default: the system's for temporary files): longest
    first, or in their own order if the loss is a mean over batches. Raises `InputError` if nothing is supervised."""
    rendered, lengths = SpooledBatches(folder), list[int]()
    for index, row in enumerate(rows):
        try:
            example = encode_row(index, row, renderer)
        except InputError:
            continue  # a row that the template cannot print, as in training
        if example is not None:
            rendered.append(((example,),))
            lengths.append(example.tokens)
    if not lengths:
        raise InputError(
            Problem(
                reference="recipe.validation",
                what="no held-out row has anything to supervise after rendering",
                where="recipe.*.validation",
                hint="raise its share, or max_length",
            )
        )
    in_order = recipe.loss_average == "batches"  # then the batches decide the loss
    order = list(range(len(lengths))) if in_order else np.argsort(-np.array(lengths), kind="stable").tolist()
    size = recipe.batch_rows
    if recipe.batch_tokens is not None:
        size = max(1, recipe.batch_tokens // max(lengths))
    batches = SpooledBatches(folder)
    for start in range(0, len(order), size):
        batches.append(tuple(rendered[place][0] for place in order[start : start + size]))
    return batches
