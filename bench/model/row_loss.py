"""The loss of a few rows as evals compute it: in C++ where the model has that, else by its layers."""

from collections.abc import Sequence
from typing import Any

import torch

from bench.model.contexts import read_logits
from bench.model.forward import token_logprobs
from bench.model.native.library import lanes
from bench.model.native.token_tree import TokenTree
from bench.model.native_trial import native

ScoredRow = tuple[Sequence[int], Sequence[int]]
"""Token ids of a row, and the positions that are predicted; never the first."""


@torch.inference_mode()
def loss_of(model: Any, rows: Sequence[ScoredRow]) -> float:
    """Mean negative log-likelihood per predicted token, in nats."""
    ordered = sorted((tuple(ids[: scored[-1] + 1]), tuple(scored)) for ids, scored in rows if scored)
    targets = torch.tensor([ids[at] for ids, scored in ordered for at in scored], device=model.device)
    decoder = native(model)
    if decoder is None:
        places = [(number, at - 1) for number, (_, scored) in enumerate(ordered) for at in scored]
        logits = read_logits(model, [ids for ids, _ in ordered], places)
    else:
        tree = TokenTree(lanes())
        paths = [(list(tree.add(ids)), scored) for ids, scored in ordered]
        read = [path[at - 1] for path, scored in paths for at in scored]
        logits = decoder.tree_logits(tree, read, rounded=model.dtype is torch.bfloat16)
    return -float(token_logprobs(logits, targets)[0].double().mean())


def all_predicted(ids: Sequence[int]) -> ScoredRow:
    """A row all of whose tokens are predicted but the first."""
    return ids, range(1, len(ids))
