"""Passes of a model's own layers over a table of keys and values, counted."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor
from transformers import PreTrainedModel

from bench.evals.inference.generation.key_value_table import (
    ComputedPrefix,
    KeyValueTable,
    compute_prefix,
    decode_logits,
    prefill_logits,
)
from bench.evals.inference.pass_counts import counted_logits


class LayerPasses:
    """`Passes` by the model's layers, as transformers has them; rows of one pass are padded."""

    pads = True

    def __init__(self, model: PreTrainedModel) -> None:
        self._model, self.dtype = model, model.dtype
        self._table = KeyValueTable(places=0, width=0)

    @property
    def room(self) -> tuple[int, int]:
        """Places of the table, and their width."""
        return self._table.places, self._table.width

    def make_room(self, *, places: int, width: int, rows: int) -> None:
        """Changes the table's shape; the first `rows` rows stay."""
        self._table = self._table.resized(places=places, width=width, rows=rows)

    def prefix(self, ids: Sequence[int]) -> ComputedPrefix:
        """Keys and values of tokens that rows begin with; none for none."""
        read = partial(counted_logits, tokens=len(ids), behind=0)
        return compute_prefix(self._model, ids, read=read) if ids else ComputedPrefix()

    def prefill(self, rests: Sequence[Sequence[int]], places: Sequence[int], prefix: ComputedPrefix) -> Tensor:
        """Logits [rows, vocabulary] behind the prefix and each row's rest, which are written into its place."""
        read = partial(counted_logits, tokens=sum(map(len, rests)), behind=len(prefix.ids))
        return prefill_logits(self._model, self._table, rests, places, prefix, read=read)

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Logits [rows, vocabulary] behind one more token of each of the first rows, which have `lengths` so far."""
        read = partial(counted_logits, tokens=len(tokens), behind=max(lengths))
        return decode_logits(self._model, self._table, tokens, lengths, read=read)

    def move(self, source: int, target: int) -> None:
        """Moves the row of one place to another."""
        self._table.move(source, target)

    def clear(self, place: int) -> None:
        """Forgets a row whose numbers are not finite."""
        self._table.clear(place)
