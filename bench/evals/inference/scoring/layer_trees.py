"""Passes of scoring by a model's layers, with the choices of one question behind their shared context.

Method: the choices are packed behind their context as branches of one tree. A branch sees the context and itself; its
positions go on from the context's end. So one forward pass scores all choices, with the head at the scored positions
only; what all contexts of a batch begin with is computed once. Models that do not honour a tree's mask or positions are
recognised by trial, and get one row per pair instead.
"""

import inspect
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.evals.inference.pass_counts import counted_logits, counted_prefix, uncounted
from bench.evals.inference.scoring.scored_text import Score, ScoredText, ScoringPass, summed
from bench.model.forward import (
    batches,
    differ_by_rounding,
    logits_at,
    padded,
    reads_positions,
    token_logprobs,
    vocabulary_size,
)
from bench.model.trials import tried_once
from bench.model.windows import IN_THE_LAYER, narrowest_window


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A context and the continuations that are scored behind it in one row."""

    context: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]

    @property
    def ids(self) -> list[int]:
        """The row: each branch without its last token, which nothing is predicted from."""
        return [*self.context, *itertools.chain.from_iterable(branch[:-1] for branch in self.branches)]

    @property
    def texts(self) -> list[ScoredText]:
        return [ScoredText.behind(self.context, branch) for branch in self.branches]

    @property
    def reads(self) -> int:
        return sum(map(len, self.branches))


def tree_passes(
    model: PreTrainedModel, texts: Sequence[ScoredText], *, slots: int, shared: bool
) -> Iterator[ScoringPass]:
    """Passes over texts that are scored from some position to their ends. shared: whether contexts may be shared."""
    window = _window(model) if shared else 0
    sharing = [text for text in texts if _row_length(text) <= window]
    alone = [_tree(text.context, [text.ids[len(text.context) :]]) for text in texts if _row_length(text) > window]
    for trees in (_trees(sharing, slots=_slots_of_a_tree(model, slots)), alone):
        lengths, reads = [len(tree.ids) for tree in trees], [tree.reads for tree in trees]
        for batch in batches(lengths, slots=slots, reads=reads, vocabulary=vocabulary_size(model)):
            chosen = [trees[index] for index in batch]
            scores = partial(_scores, model, chosen, shared=trees is not alone)
            yield ScoringPass(texts=[text for tree in chosen for text in tree.texts], scores=scores)


def _window(model: PreTrainedModel) -> int:
    """Row length, in tokens, up to which a pair may share its context: a tree's mask has no sliding window, so the last
    token of a row must see the first."""
    window = narrowest_window(model.config)
    return sys.maxsize if window is None else window


def _slots_of_a_tree(model: PreTrainedModel, slots: int) -> int:
    """Tokens of a tree, at most: a layer that cuts its window itself counts the branches before as well."""
    window = narrowest_window(model.config, IN_THE_LAYER)
    return slots if window is None else min(slots, window)


def _row_length(text: ScoredText) -> int:
    """Tokens that pass through the model for a text alone: nothing is predicted from the last one."""
    return len(text.ids) - 1


def _tree(context: tuple[int, ...], branches: Sequence[tuple[int, ...]]) -> _Tree:
    return _Tree(context=context, branches=tuple(branches))


def _trees(texts: Sequence[ScoredText], *, slots: int) -> list[_Tree]:
    """Texts with one context together, split where a row would outgrow `slots`."""
    groups: dict[tuple[int, ...], list[list[tuple[int, ...]]]] = {}
    sizes: dict[tuple[int, ...], int] = {}
    for text in texts:
        context, branch = text.context, text.ids[len(text.context) :]
        rows = groups.setdefault(context, [])
        if not rows or sizes[context] + len(branch) - 1 > slots:
            rows.append([])
            sizes[context] = len(context)
        rows[-1].append(branch)
        sizes[context] += len(branch) - 1
    return [_tree(context, row) for context, rows in groups.items() for row in rows]


@torch.inference_mode()
def _scores(model: PreTrainedModel, trees: Sequence[_Tree], *, shared: bool) -> list[Score]:
    """One forward pass over a batch of trees, and one over what they all begin with where `shared` and worth it."""
    beginning = counted_prefix(model, [tree.context for tree in trees]) if shared else None
    before = 0 if beginning is None else beginning.length
    ids = padded([tree.ids[before:] for tree in trees], fill=0).to(model.device)
    texts = [text for tree in trees for text in tree.texts]
    targets = torch.tensor([target for text in texts for target in text.targets], device=model.device)
    rows, columns = _reads(trees)
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    if any(len(tree.branches) > 1 for tree in trees):
        inputs |= _tree_inputs(trees, before + ids.shape[1], model, before=before)
    if beginning is not None:
        inputs |= {"past_key_values": beginning.cache, "use_cache": True}
    rows, columns = rows.to(model.device), columns.to(model.device) - before
    tokens = sum(len(tree.ids) - before for tree in trees)
    logits = counted_logits(model, rows, columns, tokens=tokens, behind=before, **inputs)
    return summed(texts, *token_logprobs(logits, targets))


def _reads(trees: Sequence[_Tree]) -> tuple[Tensor, Tensor]:
    """Row and column that each scored token is predicted at: a branch's first one at the context's end, each other one
    at the token before it."""
    rows: list[int] = []
    columns: list[int] = []
    for row, tree in enumerate(trees):
        start = len(tree.context)
        for branch in tree.branches:
            rows += [row] * len(branch)
            columns += [len(tree.context) - 1, *range(start, start + len(branch) - 1)]
            start += len(branch) - 1
    return torch.tensor(rows), torch.tensor(columns)


def _tree_inputs(trees: Sequence[_Tree], width: int, model: PreTrainedModel, *, before: int = 0) -> dict[str, Tensor]:
    """Additive mask [rows, 1, width - before, width] and positions [rows, width - before] of a batch of trees, padded
    on the right, whose first `before` tokens are in a cache."""
    segments = torch.full((len(trees), width), -1)
    positions = torch.zeros((len(trees), width), dtype=torch.long)
    for row, tree in enumerate(trees):
        sizes = [len(tree.context), *(len(branch) - 1 for branch in tree.branches)]
        segments[row, : sum(sizes)] = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        steps = [range(sizes[0]), *(range(sizes[0], sizes[0] + size) for size in sizes[1:])]
        positions[row, : sum(sizes)] = torch.tensor(list(itertools.chain.from_iterable(steps)))
    segments = segments.to(model.device)
    query, key = segments.unsqueeze(2), segments.unsqueeze(1)
    order = torch.arange(width, device=model.device)
    # Padding sees padding too, so that no row of the softmax is empty.
    seen = ((key == 0) | (key == query)) & (order.unsqueeze(0) <= order.unsqueeze(1))
    mask = torch.zeros(seen.shape, dtype=model.dtype, device=model.device)
    mask.masked_fill_(~seen, torch.finfo(model.dtype).min)
    return {
        "attention_mask": mask[:, before:].unsqueeze(1),
        "position_ids": positions[:, before:].to(model.device),
    }


@tried_once
def honours_trees(model: PreTrainedModel) -> bool:
    """Whether choices may share a context."""
    with uncounted(model):
        return _is_seen_to_honour_trees(model)


@torch.inference_mode()
def _is_seen_to_honour_trees(model: PreTrainedModel) -> bool:
    """Whether a small tree gives the logits of its pairs: not where a model takes its mask or positions from elsewhere.

    In half precision rounding may move them; but the tokens of another branch must not move them at all.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    draw = torch.randint(0, vocabulary_size(model), (15,), generator=torch.Generator().manual_seed(0)).tolist()
    context, first, second, other = (tuple(draw[i:j]) for i, j in ((0, 6), (6, 9), (9, 12), (12, 15)))
    alone = _last_logits(model, _tree(context, [second]))
    try:
        if not reads_positions(model):
            return False
        beside = [_last_logits(model, _tree(context, [branch, second])) for branch in (first, other)]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    unmoved = torch.allclose(beside[0], beside[1], atol=1e-4, rtol=0.0)
    return unmoved and differ_by_rounding(beside[0], alone, model.dtype)


def _last_logits(model: PreTrainedModel, tree: _Tree) -> Tensor:
    """Logits [1, vocabulary] behind the last token of a tree's row."""
    ids = padded([tree.ids], fill=0).to(model.device)
    inputs = _tree_inputs([tree], ids.shape[1], model) if len(tree.branches) > 1 else {}
    row, column = torch.tensor([0], device=model.device), torch.tensor([ids.shape[1] - 1], device=model.device)
    return logits_at(model, row, column, input_ids=ids, use_cache=False, **inputs)
