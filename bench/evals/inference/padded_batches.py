"""Answers of a model whose cache no table can keep: sliding windows, recurrent states, learned prompts, own positions.

Contract: rows of similar length make a batch, padded on the left with positions counted from each row's own first
token; the batch goes on until its last row is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.answer_row import AnswerRow, choose_tokens, take_tokens
from bench.evals.inference.forward import batches, padded
from bench.evals.inference.pass_counts import counted_logits
from bench.evals.inference.shared_prefix import left_inputs

KEPT_SHARE = 0.75
"""A batch is cut down to its unfinished rows once they are at most this share of it."""


def answer_in_batches(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[AnswerRow],
    *,
    slots: int,
    take: Callable[[Sequence[AnswerRow]], None],
) -> None:
    """Answers every row, in batches of at most `slots` slots; `take` gets the rows that each batch finished."""
    for batch in batches([row.positions for row in rows], slots=slots):
        chosen = [rows[index] for index in batch]
        _answer(model, tokenizer, chosen)
        take(chosen)


def _answer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: Sequence[AnswerRow]) -> None:
    """Generates until every row is finished."""
    device = model.device
    cache = DynamicCache(config=model.config)
    prompts = [row.request.prompt for row in batch]
    ids = padded(prompts, fill=0, left=True).to(device)
    mask, positions = left_inputs(prompts, 0, device)
    unread = sum(map(len, prompts))
    while True:
        at = torch.arange(len(batch), device=device)
        logits = counted_logits(
            model,
            at,
            torch.full_like(at, ids.shape[1] - 1),
            tokens=unread,
            behind=mask.shape[1] - ids.shape[1],
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        tokens = choose_tokens(logits, batch)
        take_tokens(tokenizer, batch, tokens)
        kept = [index for index, row in enumerate(batch) if row.live]
        if not kept:
            return
        unread = len(kept)
        ids = torch.tensor(tokens, device=device).unsqueeze(1)
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones((len(batch), 1))], dim=1)
        if len(kept) <= KEPT_SHARE * len(batch) and _select(cache, chosen := torch.tensor(kept, device=device)):
            ids, positions, mask, batch = ids[chosen], positions[chosen], mask[chosen], [batch[i] for i in kept]


def _select(cache: DynamicCache, rows: Tensor) -> bool:
    """Keeps `rows` of the cache; false, and nothing done, where a layer cannot (recurrent states)."""
    if not all(hasattr(layer, "batch_select_indices") for layer in cache.layers):
        return False
    cache.batch_select_indices(rows)
    return True
