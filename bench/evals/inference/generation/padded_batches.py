"""Answers of a model whose cache no table can keep: sliding windows, recurrent states, learned prompts, own positions.

Contract: an answer's tokens are those that passes over the whole row alone would give, within rounding. How a model
goes on behind what it has read is found by trial: rows of similar length in a batch that is padded on the left; or rows
of one length, where padding moves what a row sees; or, where no cache is honoured, every pass over whole rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.generation.answer_row import AnswerRow, choose_tokens, take_tokens
from bench.evals.inference.pass_counts import counted_logits, uncounted
from bench.model.forward import batches, differ_by_rounding, logits_at, padded, vocabulary_size
from bench.model.shared_prefix import left_inputs
from bench.model.trials import tried_once
from bench.model.windows import narrowest_window

KEPT_SHARE = 0.75
"""A batch is cut down to its unfinished rows once they are at most this share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """How a model adds tokens to rows that it has read."""

    cache: str | None
    """The argument that takes what was read; `None`: every pass reads the whole rows."""
    padded: bool
    """Whether rows of unequal length may share a batch."""


_WHOLE = Continuation(cache=None, padded=True)
_CONTINUATIONS = (
    Continuation(cache="past_key_values", padded=True),
    Continuation(cache="past_key_values", padded=False),
    Continuation(cache="cache_params", padded=False),  # state-space models
)
"""In the order in which they are tried, the quickest first."""


def answer_in_batches(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[AnswerRow],
    *,
    slots: int,
    take: Callable[[Sequence[AnswerRow]], None],
) -> None:
    """Answers every row, in batches of at most `slots` slots; `take` gets the rows that each batch finished."""
    if not rows:
        return
    way = continuation(model)
    groups: dict[int, list[AnswerRow]] = {}
    for row in rows:
        groups.setdefault(0 if way.padded else len(row.request.prompt), []).append(row)
    for group in groups.values():
        for batch in batches([row.positions for row in group], slots=slots):
            chosen = [group[index] for index in batch]
            _answer(model, tokenizer, chosen, way)
            take(chosen)


def _answer(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: Sequence[AnswerRow], way: Continuation
) -> None:
    """Generates until every row is finished."""
    reader = _Reader(model, [row.request.prompt for row in batch], way)
    while True:
        tokens = choose_tokens(reader.logits(counted_logits), batch)
        take_tokens(tokenizer, batch, tokens)
        kept = [index for index, row in enumerate(batch) if row.live]
        if not kept:
            return
        reader.add(tokens, unread=len(kept))
        if len(kept) <= KEPT_SHARE * len(batch) and reader.keep(kept):
            batch = [batch[index] for index in kept]


class _Reader:
    """Rows of one batch, and what the model keeps of them."""

    def __init__(self, model: PreTrainedModel, rows: Sequence[Sequence[int]], way: Continuation) -> None:
        self._model, self._way = model, way
        self._rows = [list(row) for row in rows]
        self._cache = None if way.cache is None else DynamicCache(config=model.config)
        self._new = self._rows
        """Tokens of each row that no pass has read."""
        self._unread = sum(map(len, rows))
        self._mask, self._positions = left_inputs(rows, 0, model.device)

    def logits(self, read: Any) -> Tensor:
        """Logits [rows, vocabulary] behind each row, which is read to its end. read: `counted_logits`, or its like."""
        device, at = self._model.device, torch.arange(len(self._rows), device=self._model.device)
        if self._cache is None or self._way.cache is None:
            ids = padded(self._rows, fill=0).to(device)
            ends = torch.tensor([len(row) - 1 for row in self._rows], device=device)
            tokens: Tensor = read(
                self._model, at, ends, tokens=sum(map(len, self._rows)), behind=0, input_ids=ids, use_cache=False
            )
            return tokens
        ids = padded(self._new, fill=0, left=True).to(device)
        inputs: dict[str, Any] = {self._way.cache: self._cache}
        if self._way.padded:
            inputs |= {"attention_mask": self._mask, "position_ids": self._positions}
        behind = self._mask.shape[1] - ids.shape[1]
        ends = torch.full_like(at, ids.shape[1] - 1)
        logits: Tensor = read(
            self._model, at, ends, tokens=self._unread, behind=behind, input_ids=ids, use_cache=True, **inputs
        )
        return logits

    def add(self, tokens: Sequence[int], *, unread: int) -> None:
        """Puts one token behind each row, `unread` of which are of rows that go on."""
        for row, token in zip(self._rows, tokens, strict=True):
            row.append(token)
        self._new, self._unread = [[token] for token in tokens], unread
        self._positions = self._positions[:, -1:] + 1
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self._rows), 1))], dim=1)

    def keep(self, rows: Sequence[int]) -> bool:
        """Keeps these rows; false, and nothing done, where a layer of the cache cannot (recurrent states)."""
        chosen = torch.tensor(rows, device=self._model.device)
        if self._cache is not None:
            if not all(hasattr(layer, "batch_select_indices") for layer in self._cache.layers):
                return False
            self._cache.batch_select_indices(chosen)
        self._rows, self._new = [self._rows[row] for row in rows], [self._new[row] for row in rows]
        self._mask, self._positions = self._mask[chosen], self._positions[chosen]
        return True


# --- the trial --------------------------------------------------------------------------------------------------------


@tried_once
def continuation(model: PreTrainedModel) -> Continuation:
    """The quickest way of adding tokens that was seen to be right."""
    with uncounted(model):
        return next((way for way in _CONTINUATIONS if _is_seen_to_continue(model, way)), _WHOLE)


@torch.inference_mode()
def _is_seen_to_continue(model: PreTrainedModel, way: Continuation) -> bool:
    """Tries two rows with two more tokens each against the same rows whole.

    A window, longer than these rows, counts the padding between a learned prompt and its row.
    """
    learned = getattr(model, "virtual_tokens", 0)
    if way.padded and learned and narrowest_window(model.config) is not None:
        return False
    draw = torch.randint(0, vocabulary_size(model), (22,), generator=torch.Generator().manual_seed(0)).tolist()
    rows = [draw[:3], draw[3:12]] if way.padded else [draw[:9], draw[9:18]]
    try:
        reader = _Reader(model, rows, way)
        for more in (draw[18:20], draw[20:22], None):
            seen = reader.logits(_uncounted_logits)
            if not differ_by_rounding(seen, _whole_logits(model, rows), model.dtype):
                return False
            if more is not None:
                reader.add(more, unread=len(rows))
                rows = [[*row, token] for row, token in zip(rows, more, strict=True)]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    return True


def _uncounted_logits(
    model: PreTrainedModel, rows: Tensor, columns: Tensor, *, tokens: int, behind: int, **inputs: Any
) -> Tensor:
    return logits_at(model, rows, columns, **inputs)


def _whole_logits(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> Tensor:
    """Logits [rows, vocabulary] behind each row, alone."""
    read = torch.zeros(1, dtype=torch.long, device=model.device)
    alone = [torch.tensor([list(row)], device=model.device) for row in rows]
    return torch.cat([logits_at(model, read, read + ids.shape[1] - 1, input_ids=ids, use_cache=False) for ids in alone])
