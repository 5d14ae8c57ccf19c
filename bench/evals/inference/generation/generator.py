"""Text generation: greedy, or sampled with a generator of each request's own.

Contract: a request's answer does not depend on the requests beside it, but for rounding. A model whose keys and values
can be kept in a table (`passes.py`) gets its rows continuously: a finished row's place is taken at once. Other
models answer in batches that are padded on the left (`padded_batches`), and llama.cpp's in places of its own
(`llama_cpp_batch`).
"""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.generation.answer_row import AnswerRow, answer_row, finish
from bench.evals.inference.generation.continuous_batch import ContinuousBatch
from bench.evals.inference.generation.llama_cpp_batch import answer_by_llama_cpp
from bench.evals.inference.generation.padded_batches import answer_in_batches
from bench.evals.inference.generation.passes import table_passes
from bench.evals.inference.generation.request import Generation, GenerationRequest
from bench.model.forward import SLOTS
from bench.model.loading.llama_cpp import LlamaCppModel

Answered = tuple[GenerationRequest, Generation | None]
"""A request and its answer."""


@torch.inference_mode()
def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[GenerationRequest],
    *,
    slots: int = SLOTS,
    report: Callable[[int], None] = lambda _: None,
    keep: Callable[[Sequence[Answered]], None] = lambda _: None,
) -> list[Generation | None]:
    """Answers in the order of `requests`; `None` where the model's logits were not finite.

    At most `slots` slots, answers included, are in work together. `report` hears how many requests each pass finished,
    `keep` gets them with their answers.
    """
    rows = [answer_row(request) for request in requests]
    answers: dict[int, Generation | None] = {}

    def take(ended: Sequence[AnswerRow]) -> None:
        answers.update({id(row): None if row.broken else finish(tokenizer, row) for row in ended})
        keep([(row.request, answers[id(row)]) for row in ended])
        report(len(ended))

    live = [row for row in rows if row.live]
    if len(live) < len(rows):
        take([row for row in rows if not row.live])
    if live and isinstance(model, LlamaCppModel):
        answer_by_llama_cpp(model, tokenizer, live, slots=slots, take=take)
    elif live and (passes := table_passes(model)) is not None:
        ContinuousBatch(passes, tokenizer, live, slots=slots).run(take)
    else:
        answer_in_batches(model, tokenizer, live, slots=slots, take=take)
    return [answers[id(row)] for row in rows]
