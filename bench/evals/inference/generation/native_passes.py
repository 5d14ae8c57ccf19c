"""Passes of a Llama-like decoder in C++ over a table of keys and values, counted.

Contract: logits are those of the model's layers within rounding, and a row's do not depend on the other rows, to the
last bit. Of a model in bf16 they are those that its layers have over the same weights with fp32 between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import pass_counts
from bench.model.native.decoder import NativeDecoder, NativeTable


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePrefix:
    """Tokens that rows begin with, and their keys and values as a table of one row; `None` for no tokens."""

    ids: tuple[int, ...] = ()
    table: NativeTable | None = None


class NativePasses:
    """`Passes` by a `NativeDecoder`; rows of one pass may have any lengths."""

    pads = False
    dtype = torch.float32

    def __init__(self, model: PreTrainedModel, decoder: NativeDecoder) -> None:
        self._decoder, self._model = decoder, model
        self._table = decoder.table(places=0, width=0)

    @property
    def room(self) -> tuple[int, int]:
        """Places of the table, and their width."""
        return self._table.places, self._table.width

    def make_room(self, *, places: int, width: int, rows: int) -> None:
        """Changes the table's shape; the first `rows` rows stay."""
        new = self._decoder.table(places=places, width=width)
        new.copy(self._table, slice(rows), slice(rows))
        self._table = new

    def prefix(self, ids: Sequence[int]) -> NativePrefix:
        """Keys and values of tokens that rows begin with; none for none."""
        if not ids:
            return NativePrefix()
        table = self._decoder.table(places=1, width=len(ids))
        self._pass(table, [ids], [0], [0])
        return NativePrefix(ids=tuple(ids), table=table)

    def prefill(self, rests: Sequence[Sequence[int]], places: Sequence[int], prefix: NativePrefix) -> Tensor:
        """Logits [rows, vocabulary] behind the prefix and each row's rest, which are written into its place."""
        if prefix.table is not None:
            self._table.copy(prefix.table, list(places), slice(1))
        return self._pass(self._table, rests, places, [len(prefix.ids)] * len(rests))

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Logits [rows, vocabulary] behind one more token of each of the first rows, which have `lengths` so far."""
        return self._pass(self._table, [[token] for token in tokens], range(len(tokens)), lengths)

    def move(self, source: int, target: int) -> None:
        """Moves the row of one place to another."""
        self._table.copy(self._table, slice(target, target + 1), slice(source, source + 1))

    def clear(self, place: int) -> None:
        """Nothing: what a row has not written is never read."""

    def _pass(
        self, table: NativeTable, rows: Sequence[Sequence[int]], places: Sequence[int], behind: Sequence[int]
    ) -> Tensor:
        """Logits [rows, vocabulary] behind these tokens of some rows, which have `behind` before."""
        lengths = [len(row) for row in rows]
        logits = self._decoder.logits(
            table,
            [token for row in rows for token in row],
            [place for place, length in zip(places, lengths, strict=True) for _ in range(length)],
            [before + at for before, length in zip(behind, lengths, strict=True) for at in range(length)],
            [sum(lengths[: number + 1]) - 1 for number in range(len(rows))],
        )
        pass_counts(self._model).add_rows(lengths, behind, reads=len(rows))
        return logits
