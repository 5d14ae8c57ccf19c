"""Passes of scoring in C++: what texts begin with alike is computed once, nothing is padded, and no mask is made.

Contract: texts that begin alike share a pass, as far as its slots allow; the head runs once behind each beginning.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import pass_counts
from bench.evals.inference.scoring.scored_text import Score, ScoredText, ScoringPass, summed
from bench.model.forward import most_logits, token_logprobs, vocabulary_size
from bench.model.native.decoder import NativeDecoder
from bench.model.native.library import lanes
from bench.model.native.token_tree import TokenTree, common_length


def native_passes(
    model: PreTrainedModel, decoder: NativeDecoder, texts: Sequence[ScoredText], *, slots: int
) -> Iterator[ScoringPass]:
    """Passes of at most `slots` tokens, in the order of their ids."""
    for together in _together(texts, slots=slots, most_reads=most_logits(slots) // vocabulary_size(model)):
        yield ScoringPass(texts=together, scores=partial(_scores, model, decoder, together))


def _together(texts: Sequence[ScoredText], *, slots: int, most_reads: int) -> Iterator[list[ScoredText]]:
    batch: list[ScoredText] = []
    row: tuple[int, ...] = ()
    tokens = reads = 0
    for text in sorted(texts, key=_row):
        before, row = row, _row(text)
        tokens += len(row) - common_length(before, row)
        reads += len(text.scored)
        if batch and (tokens > slots or reads > most_reads):
            yield batch
            batch, tokens, reads = [], len(row), len(text.scored)
        batch.append(text)
    if batch:
        yield batch


def _row(text: ScoredText) -> tuple[int, ...]:
    """What passes through the model: nothing is predicted from the last scored token."""
    return text.ids[: text.scored[-1]]


@torch.inference_mode()
def _scores(model: PreTrainedModel, decoder: NativeDecoder, texts: Sequence[ScoredText]) -> list[Score]:
    tree, reads, at = TokenTree(lanes()), dict[int, int](), list[int]()
    for text in texts:
        tokens = tree.add(_row(text))
        at += [reads.setdefault(tokens[position - 1], len(reads)) for position in text.scored]
    rounded = model.dtype is torch.bfloat16
    logits = decoder.tree_logits(tree, list(reads), rounded=rounded)
    pass_counts(model).add_rows(tree.lengths, tree.behind, reads=len(reads))
    targets = torch.tensor([target for text in texts for target in text.targets])
    return summed(texts, *token_logprobs(logits, targets, torch.tensor(at)))
