"""Text generation: greedy, or sampled with a generator of each request's own.

Contract: a request's answer does not depend on the requests beside it, but for rounding. A model whose keys and values
can be kept in a table (`key_value_table`) gets its rows continuously: a finished row's place is taken at once. Other
models answer in batches that are padded on the left (`padded_batches`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.answer_row import answer_row, finish
from bench.evals.inference.continuous_batch import ContinuousBatch
from bench.evals.inference.forward import SLOTS
from bench.evals.inference.generation_request import Generation, GenerationRequest
from bench.evals.inference.key_value_table import fits_table
from bench.evals.inference.padded_batches import answer_in_batches


@torch.inference_mode()
def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[GenerationRequest],
    *,
    slots: int = SLOTS,
    report: Callable[[int], None] = lambda _: None,
) -> list[Generation | None]:
    """Answers in the order of `requests`; `None` where the model's logits were not finite.

    At most `slots` slots, answers included, are in work together. `report` hears how many requests each pass finished.
    """
    rows = [answer_row(request) for request in requests]
    live = [row for row in rows if row.live]
    if len(live) < len(rows):
        report(len(rows) - len(live))
    if live and fits_table(model):
        ContinuousBatch(model, tokenizer, live, slots=slots).run(report)
    else:
        answer_in_batches(model, tokenizer, live, slots=slots, report=report)
    return [None if row.broken else finish(tokenizer, row) for row in rows]
