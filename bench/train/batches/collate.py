"""Tensors of one forward pass from its sequences, and their counts.

Contract: padding is on the right and carries no label, whatever its id, so a real end-of-sequence token is learned even
where it doubles as the pad token. Unpacked rows need no attention mask: with causal attention no real token sees
padding to its right. Rows that share a packed sequence get positions that start again at 0, from which transformers
derives the masks of most architectures, sliding windows included; for the few in which it does not (OPT, Falcon) they
get an explicit block-diagonal mask, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bench.train.batches.encoded_row import IGNORED, Batch, PackedRow, length

RowSeparation = Literal["positions", "positions and mask"]
"""Input by which a model keeps rows apart that share a packed sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """Counts of one forward pass."""

    rows: int
    """Rows that begin in it."""
    tokens: int
    """Non-padding."""
    supervised_tokens: int
    slots: int
    """Sequences × padded length; none in an idle pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collator:
    """Builds a batch from one dataset item `{"batch": index}`; called by the data loader.

    An index past the last batch is an idle one: it takes part in a step whose batches are too few for all processes,
    as one sequence that counts for nothing.
    """

    batches: Sequence[Batch]
    pad_token_id: int
    separation: RowSeparation | None
    """`None`: rows are not packed."""

    def __call__(self, items: list[dict[str, int]]) -> dict[str, Any]:
        """Tensors on the CPU, sizes in `counts`."""
        (item,) = items
        if item["batch"] >= len(self.batches):
            idle = collate(self.batches[-1][:1], self.pad_token_id, self.separation)
            return {**idle, "counts": BatchCounts(rows=0, tokens=0, supervised_tokens=0, slots=0)}
        return collate(self.batches[item["batch"]], self.pad_token_id, self.separation)


def collate(batch: Batch, pad_token_id: int, separation: RowSeparation | None = None) -> dict[str, Any]:
    """`input_ids`, `labels` and `real`, each `(sequences, padded length)`, the supervised positions, and what packing
    needs. `real` is false at padding.

    `separation` of packed rows: `position_ids` of the same shape, and a boolean `attention_mask` `(sequences, 1,
    length, length)` where the model needs one. (`rows`, `columns`), each (n,), are the positions
    whose *next* token is supervised, and `targets` (n,) those tokens. `counts` are taken from the tensors themselves.
    """
    shape = (len(batch), max(length(sequence) for sequence in batch))
    ids = np.full(shape, pad_token_id, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    real = np.zeros(shape, dtype=np.bool_)
    for row, sequence in enumerate(batch):
        end = length(sequence)
        real[row, :end] = True
        ids[row, :end] = np.concatenate([example.ids for example in sequence])
        labels[row, :end] = np.concatenate([example.labels for example in sequence])
    rows, columns = np.nonzero(labels != IGNORED)
    tensors: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids),
        "labels": torch.from_numpy(labels),
        "real": torch.from_numpy(real),
        "rows": torch.from_numpy(rows),
        "columns": torch.from_numpy(columns - 1),  # the first label of a sequence is never supervised
        "targets": torch.from_numpy(labels[rows, columns]),
    }
    if separation is not None:
        positions = torch.from_numpy(np.stack([_positions(sequence, shape[1]) for sequence in batch]))
        tensors["position_ids"] = positions
        if separation == "positions and mask":
            tensors["attention_mask"] = _same_row_and_not_later(positions)
    tensors["counts"] = BatchCounts(
        rows=sum(len(example.rows) for sequence in batch for example in sequence),
        tokens=sum(length(sequence) for sequence in batch),
        supervised_tokens=len(rows),
        slots=ids.size,
    )
    return tensors


def _positions(sequence: PackedRow, width: int) -> NDArray[np.int64]:
    """0, 1, 2, … anew for each row, and for the padding, which so is a document of its own."""
    sizes = [example.tokens for example in sequence]
    return np.concatenate([np.arange(size, dtype=np.int64) for size in [*sizes, width - sum(sizes)]])


def _same_row_and_not_later(positions: torch.Tensor) -> torch.Tensor:
    """Which key each query may see: keys of its own row, up to itself."""
    rows = (positions == 0).cumsum(dim=1)
    same_row = rows[:, :, None] == rows[:, None, :]
    return same_row.tril()[:, None]


_INPUTS = ("input_ids", "position_ids", "attention_mask")


def model_inputs(batch: dict[str, Any]) -> dict[str, Any]:
    """Inputs of the model's forward pass in a collated batch: no labels, no cache."""
    return {**{name: batch[name] for name in _INPUTS if name in batch}, "use_cache": False}
