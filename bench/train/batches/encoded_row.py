"""One rendered training row: token ids and which of them are learned."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.data.render.row import Row

IGNORED = -100
"""The label of a position that does not enter the loss, as torch's cross-entropy has it."""


class RenderedRow(Protocol):
    """One row as a renderer returns it."""

    @property
    def input_ids(self) -> list[int]: ...
    @property
    def labels_mask(self) -> list[bool]: ...
    @property
    def truncated(self) -> bool: ...


class RowRenderer(Protocol):
    """Turns a row into token ids and a mask; `bench.data.render.render.Renderer` is the one in use."""

    def row(self, row: Row) -> RenderedRow: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row as the model will see it."""

    rows: tuple[int, ...]
    """Indices, in the selection, of the rows that begin in it: one, none for a row's continuation, or several where
    rows are cut from one stream."""
    ids: NDArray[np.int32]
    """Token ids, shape `(tokens,)`."""
    labels: NDArray[np.int32]
    """`ids` where supervised, else `IGNORED`. The first is ignored: nothing comes before it."""
    supervised_tokens: int
    truncated: bool

    @property
    def tokens(self) -> int:
        """Length, without padding."""
        return len(self.ids)


PackedRow = tuple[EncodedRow, ...]
"""Rows that share one sequence without seeing each other; one row unless packed."""

Batch = tuple[PackedRow, ...]
"""One forward pass."""


def encode_row(index: int, row: Row, renderer: RowRenderer) -> EncodedRow | None:
    """Renders `row`; `None` if nothing in it is supervised, unless the suite keeps such rows."""
    rendered = renderer.row(row)
    mask = np.asarray(rendered.labels_mask, dtype=bool)
    mask[:1] = False
    supervised = int(mask.sum())
    if supervised == 0 and not row.turns[-1].kept:
        return None
    ids = np.asarray(rendered.input_ids, dtype=np.int32)
    labels = np.where(mask, ids, np.int32(IGNORED))
    return EncodedRow(rows=(index,), ids=ids, labels=labels, supervised_tokens=supervised, truncated=rendered.truncated)


def beginning(example: EncodedRow, tokens: int) -> EncodedRow:
    """The first tokens of a row, of which every second one is supervised."""
    ids = example.ids[:tokens]
    labels = np.where(np.arange(len(ids)) % 2 == 1, ids, np.int32(IGNORED))
    return EncodedRow(
        rows=example.rows, ids=ids, labels=labels, supervised_tokens=len(ids) // 2, truncated=example.truncated
    )


def length(sequence: PackedRow) -> int:
    """Tokens of a sequence."""
    return sum(example.tokens for example in sequence)


def slots(batch: Batch) -> int:
    """Sequences × padded length."""
    return len(batch) * max(length(sequence) for sequence in batch)
