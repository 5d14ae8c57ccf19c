"""The prefix that all rows of a batch share (few-shot rows, a long system prompt), computed once.

Contract: logits behind a shared prefix are those of the whole rows, within rounding. Models whose positions or masks
do not allow it are recognised by trial, and compute every row whole; so do layers that keep no plain keys and values.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from bench.model.forward import (
    differ_by_rounding,
    logits_at,
    padded,
    reads_positions,
    vocabulary_size,
)
from bench.model.trials import tried_once

SHORTEST = 32
"""Shortest prefix that is shared, in tokens."""
SHARE = 0.5
"""Shortest prefix that is shared, as a share of the longest row: a shorter one saves little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPrefix:
    """The first `length` tokens of every row; `cache` has their keys and values for each row of the batch."""

    length: int
    cache: DynamicCache
    logits: Tensor
    """Logits [reads, vocabulary] in fp32 behind its last token, or behind each."""


def shared_length(rows: Sequence[Sequence[int]], *, shortest: int = SHORTEST) -> int:
    """How many tokens all rows begin with, short of the shortest row's last one; 0 where sharing would save little:
    below `shortest`, or below `SHARE`."""
    words = [tuple(row) for row in rows]
    first, last = min(words), max(words)  # in the order of words all others lie between these two
    most = min(map(len, rows)) - 1
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), most)
    length = min(length, most)
    return length if len(rows) > 1 and length >= max(shortest, SHARE * max(map(len, rows))) else 0


@torch.inference_mode()
def shared_prefix(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], *, shortest: int = SHORTEST, reads_all: bool = False
) -> SharedPrefix | None:
    """The computed prefix of `rows`; `None` where sharing would save little, or the model does not allow it. reads_all:
    whether the logits behind each of its tokens are of use.

    The rows of the batch continue from its cache: their first column is token `length`.
    """
    length = shared_length(rows, shortest=shortest)
    if length == 0 or not _can_share(model):
        return None
    return _computed(model, rows[0][:length], len(rows), reads=length if reads_all else 1)


def _computed(model: PreTrainedModel, ids: Sequence[int], rows: int, *, reads: int = 1) -> SharedPrefix:
    """The prefix `ids` of so many rows, with the logits behind its last `reads` tokens."""
    cache = DynamicCache(config=model.config)
    columns = torch.arange(len(ids) - reads, len(ids), device=model.device)
    inputs = torch.tensor([list(ids)], device=model.device)
    logits = logits_at(
        model, torch.zeros_like(columns), columns, input_ids=inputs, past_key_values=cache, use_cache=True
    )
    cache.batch_repeat_interleave(rows)
    return SharedPrefix(length=len(ids), cache=cache, logits=logits)


@tried_once
def _can_share(model: PreTrainedModel) -> bool:
    """Tries rows of unequal length behind a prefix, padded on either side, against the same rows whole.

    A learned prompt before the rows has a cache of its own, and sliding windows count what was filled up.
    """
    if getattr(model, "virtual_tokens", 0):
        return False
    draw = torch.randint(0, vocabulary_size(model), (14,), generator=torch.Generator().manual_seed(0)).tolist()
    start, rests = draw[:6], [draw[6:9], draw[9:14]]
    try:
        cache = _computed(model, start, 2).cache
        if not all(type(layer) is DynamicLayer for layer in cache.layers) or not reads_positions(model):
            return False
        whole = torch.cat([_last_logits(model, [[*start, *rest]], DynamicCache(config=model.config)) for rest in rests])
        left = _last_logits(model, rests, copy.deepcopy(cache), length=len(start))
        right = _last_logits(model, rests, cache, length=len(start), left=False)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    return all(differ_by_rounding(logits, whole, model.dtype) for logits in (left, right))


def _last_logits(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], cache: DynamicCache, *, length: int = 0, left: bool = True
) -> Tensor:
    """Logits [rows, vocabulary] at the end of each row, behind `length` cached tokens."""
    at = torch.arange(len(rows), device=model.device)
    ids = padded(rows, fill=0, left=left).to(model.device)
    if not left:
        ends = torch.tensor([len(row) - 1 for row in rows], device=model.device)
        return logits_at(model, at, ends, input_ids=ids, past_key_values=cache, use_cache=True)
    mask, positions = left_inputs(rows, length, model.device)
    return logits_at(
        model,
        at,
        torch.full_like(at, ids.shape[1] - 1),
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    )


def left_inputs(rows: Sequence[Sequence[int]], length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mask [rows, length + width] and positions [rows, width] of rows that are filled up on the left, behind `length`
    cached tokens."""
    mask = padded([[1] * len(row) for row in rows], fill=0, left=True).to(device)
    positions = length + (mask.cumsum(1) - 1).clamp_(min=0)
    return torch.cat([mask.new_ones((len(rows), length)), mask], dim=1), positions
