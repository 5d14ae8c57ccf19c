"""Passes of scoring by a model's layers over whole rows, padded to the longest."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import counted_logits, counted_prefix
from bench.evals.inference.scoring.native_trees import native_passes
from bench.evals.inference.scoring.scored_text import Score, ScoredText, ScoringPass, summed
from bench.model.forward import batches, padded, token_logprobs, vocabulary_size
from bench.model.native_trial import native


def row_passes(model: PreTrainedModel, texts: Sequence[ScoredText], *, slots: int) -> Iterator[ScoringPass]:
    """Passes over texts that may be scored anywhere: in C++, where the model has that."""
    decoder = native(model)
    if decoder is not None:
        yield from native_passes(model, decoder, texts, slots=slots)
        return
    lengths, reads = [len(text.ids) for text in texts], [len(text.scored) for text in texts]
    for batch in batches(lengths, slots=slots, reads=reads, vocabulary=vocabulary_size(model)):
        together = [texts[number] for number in batch]
        yield ScoringPass(texts=together, scores=partial(_scores, model, together))


def batch_order(model: PreTrainedModel) -> str:
    """Which texts share a pass, for the record."""
    return "by length" if native(model) is None else "those that begin alike together in C++"


@torch.inference_mode()
def _scores(model: PreTrainedModel, texts: Sequence[ScoredText]) -> list[Score]:
    """One forward pass, and one over what all texts begin with, where they do; padding on the right is never attended
    to by the tokens before it."""
    device = model.device
    beginning = counted_prefix(model, [text.context for text in texts])
    before = 0 if beginning is None else beginning.length
    cached = {"use_cache": False} if beginning is None else {"use_cache": True, "past_key_values": beginning.cache}
    ids = padded([text.ids[before:] for text in texts], fill=0).to(device)
    places = [(row, position - before) for row, text in enumerate(texts) for position in text.scored]
    rows, columns = torch.tensor(places, device=device).T
    tokens = sum(len(text.ids) - before for text in texts)
    logits = counted_logits(model, rows, columns - 1, tokens=tokens, behind=before, input_ids=ids, **cached)
    return summed(texts, *token_logprobs(logits, ids[rows, columns]))
