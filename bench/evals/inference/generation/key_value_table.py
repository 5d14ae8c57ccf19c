"""Keys and values of the rows in work: places that are allocated once, one row each, every row from its own start.

Contract: a pass behind the table gives the logits of the whole rows, within rounding, whatever the rows' lengths and
whoever had a place before. Models for which that does not hold are recognised by trial (`passes.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from bench.model.forward import logits_at, padded


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedPrefix:
    """Tokens that rows begin with, and their keys and values, one row in each layer."""

    ids: tuple[int, ...] = ()
    cache: DynamicCache | None = None

    @property
    def layers(self) -> Sequence[Any]:
        """Layers with `keys` and `values` [1, heads, tokens, size]; empty for no tokens."""
        return () if self.cache is None else self.cache.layers


NO_PREFIX = ComputedPrefix()


class KeyValueTable(Cache):  # type: ignore[misc]  # transformers is not typed
    """Keys and values [places, width, heads, size] of each layer, as the model's cache."""

    def __init__(self, *, places: int, width: int) -> None:
        super().__init__(layers=[])
        self.places, self.width = places, width
        self._tables: dict[int, tuple[Tensor, Tensor]] = {}
        self._pass: _Prefill | _Decode = _Decode(at=torch.empty(0, dtype=torch.long), rows=0, seen=0)

    def prefill(self, places: Sequence[int], prefix: ComputedPrefix) -> None:
        """Has the next pass write whole rows, which follow `prefix`, into these places."""
        self._pass = _Prefill(places=list(places), prefix=prefix)

    def decode(self, lengths: Tensor, longest: int) -> None:
        """Has the next pass add one token to each of the first rows, which have `lengths` [rows] tokens so far."""
        rows = lengths.numel()
        at = torch.arange(rows, device=lengths.device) * self.width + lengths
        self._pass = _Decode(at=at, rows=rows, seen=longest)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens before those of the pass."""
        return self._pass.seen

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """Columns that a row of the pass sees, and the first one's number."""
        return self._pass.seen + query_length, 0

    def update(self, keys: Tensor, values: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Writes the pass's keys and values [rows, heads, tokens, size]; gives all that its rows see, likewise."""
        if layer_idx not in self._tables:
            self._tables[layer_idx] = (self._empty(keys), self._empty(values))
        tables = self._tables[layer_idx]
        if isinstance(self._pass, _Prefill):
            prefix = self._pass.prefix.layers
            before = (prefix[layer_idx].keys, prefix[layer_idx].values) if prefix else (None, None)
            write = self._pass.write
            return write(tables[0], keys, before[0]), write(tables[1], values, before[1])
        return self._pass.write(tables[0], keys), self._pass.write(tables[1], values)

    def move(self, source: int, target: int) -> None:
        """Moves the row of one place to another."""
        for table in self._all():
            table[target] = table[source]

    def clear(self, place: int) -> None:
        """Forgets a row whose numbers are not finite: a masked number must still be one."""
        for table in self._all():
            table[place].zero_()

    def resized(self, *, places: int, width: int, rows: int) -> Self:
        """A table of another shape with the first `rows` rows of this one."""
        new, kept = KeyValueTable(places=places, width=width), min(width, self.width)
        for layer, tables in self._tables.items():
            keys, values = (table.new_zeros((places, width, *table.shape[2:])) for table in tables)
            for target, table in zip((keys, values), tables, strict=True):
                target[:rows, :kept] = table[:rows, :kept]
            new._tables[layer] = (keys, values)
        return new

    def _empty(self, like: Tensor) -> Tensor:
        return like.new_zeros((self.places, self.width, like.shape[1], like.shape[3]))

    def _all(self) -> list[Tensor]:
        return [table for tables in self._tables.values() for table in tables]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefill:
    places: list[int]
    prefix: ComputedPrefix

    @property
    def seen(self) -> int:
        return len(self.prefix.ids)

    def write(self, table: Tensor, states: Tensor, before: Tensor | None) -> Tensor:
        if before is not None:
            states = torch.cat([before.expand(states.shape[0], -1, -1, -1), states], dim=2)
        table[self.places, : states.shape[2]] = states.transpose(1, 2)
        return states


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decode:
    at: Tensor
    """Slot of each row's new token [rows], over all places."""
    rows: int
    seen: int
    """Tokens of the longest row, without the new one."""

    def write(self, table: Tensor, states: Tensor) -> Tensor:
        table.flatten(0, 1).index_copy_(0, self.at, states.squeeze(2))
        return table[: self.rows, : self.seen + 1].transpose(1, 2)


def prefill_logits(
    model: PreTrainedModel,
    table: KeyValueTable,
    rests: Sequence[Sequence[int]],
    places: Sequence[int],
    prefix: ComputedPrefix = NO_PREFIX,
    *,
    read: Any = logits_at,
) -> Tensor:
    """Logits [rows, vocabulary] behind the last token of each row: `prefix` and its rest, written into its place.

    Rows are padded on the right, where causal attention never looks.
    """
    table.prefill(places, prefix)
    ids = padded(rests, fill=0).to(model.device)
    at = torch.arange(len(rests), device=model.device)
    positions = torch.arange(len(prefix.ids), len(prefix.ids) + ids.shape[1], device=model.device)
    logits: Tensor = read(
        model,
        at,
        torch.tensor([len(rest) - 1 for rest in rests], device=model.device),
        input_ids=ids,
        position_ids=positions.unsqueeze(0).expand(len(rests), -1),
        past_key_values=table,
        use_cache=True,
    )
    return logits


def decode_logits(
    model: PreTrainedModel,
    table: KeyValueTable,
    tokens: Sequence[int],
    lengths: Sequence[int],
    *,
    read: Any = logits_at,
) -> Tensor:
    """Logits [rows, vocabulary] behind one more token of each of the first rows, which have `lengths` tokens so far."""
    device, longest = model.device, max(lengths)
    before = torch.tensor(lengths, device=device)
    table.decode(before, longest)
    at = torch.arange(len(tokens), device=device)
    hidden = torch.arange(longest + 1, device=device) > before.unsqueeze(1)
    mask = torch.zeros(hidden.shape, dtype=model.dtype, device=device)
    mask.masked_fill_(hidden, torch.finfo(model.dtype).min)
    logits: Tensor = read(
        model,
        at,
        torch.zeros_like(at),
        input_ids=torch.tensor(tokens, device=device).unsqueeze(1),
        attention_mask=mask[:, None, None],
        position_ids=before.unsqueeze(1),
        past_key_values=table,
        use_cache=True,
    )
    return logits


def compute_prefix(model: PreTrainedModel, ids: Sequence[int], *, read: Any = logits_at) -> ComputedPrefix:
    """Keys and values of tokens that many rows begin with."""
    cache = DynamicCache(config=model.config)
    at = torch.zeros(1, dtype=torch.long, device=model.device)
    row = torch.tensor([list(ids)], device=model.device)
    read(model, at, at + len(ids) - 1, input_ids=row, past_key_values=cache, use_cache=True)
    return ComputedPrefix(ids=tuple(ids), cache=cache)
