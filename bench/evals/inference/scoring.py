"""Log-probabilities of continuations, with every distinct context computed once.

Contract: `Scorer.score` gives for each (context, continuation) pair of token ids what a forward pass over that pair
alone would give, within rounding (1e-4 in fp32), and the same pair always gets the same score.

Method: the choices of one question are packed behind their shared context as branches of one tree. A branch sees the
context and itself; its positions go on from the context's end. So one forward pass scores all choices, with the head at
the scored positions only; what all contexts of a batch begin with is computed once. Models that do not honour a tree's
mask or positions are recognised by trial, and get one row per pair instead.
"""

import inspect
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.evals.inference.partial_replies import FinishedReplies, ReplyKind, nothing_finished
from bench.evals.inference.pass_counts import counted_logits, counted_prefix, uncounted
from bench.model.forward import (
    SLOTS,
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

ContinuationPair = tuple[tuple[int, ...], tuple[int, ...]]
"""Context ids and continuation ids, neither empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Score of one continuation."""

    logprob: float
    """Natural logarithm, summed over the continuation's tokens; not finite where the model's output is not."""
    greedy: bool
    """Whether greedy decoding would have produced it."""


SCORE: ReplyKind[ContinuationPair, Score] = ReplyKind(
    "score", list, Score, placeholder=Score(logprob=0.0, greedy=False)
)


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
    def reads(self) -> int:
        return sum(map(len, self.branches))


class Scorer:
    """Scores pairs with one model."""

    def __init__(self, model: PreTrainedModel, *, slots: int = SLOTS, shared: bool | None = None) -> None:
        """`shared=None`: contexts are shared if the model passes the trial."""
        self.model = model
        self.slots = slots
        self.shared = honours_trees(model) if shared is None else shared

    def score(
        self,
        pairs: Sequence[ContinuationPair],
        report: Callable[[int], None] = lambda _: None,
        finished: FinishedReplies[ContinuationPair, Score] | None = None,
    ) -> list[Score]:
        """Scores in the order of `pairs`; `report` hears how many distinct pairs were finished by each pass.

        finished: of a job that was stopped; a pass all of whose pairs are there is not made again.
        """
        finished = finished or nothing_finished()
        distinct = list(dict.fromkeys(pairs))
        window = self._window
        sharing = [pair for pair in distinct if _row_length(pair) <= window]
        alone = [_tree(pair[0], [pair[1]]) for pair in distinct if _row_length(pair) > window]
        scores: dict[ContinuationPair, Score] = {}
        for trees in (_trees(sharing, slots=self._slots_of_a_tree), alone):
            lengths, reads = [len(tree.ids) for tree in trees], [tree.reads for tree in trees]
            for batch in batches(lengths, slots=self.slots, reads=reads, vocabulary=vocabulary_size(self.model)):
                chosen = [trees[index] for index in batch]
                asked = [(tree.context, branch) for tree in chosen for branch in tree.branches]
                kept = finished.get(asked)
                if kept is not None:
                    batch_scores = dict(zip(asked, kept, strict=True))
                else:
                    batch_scores = _score_trees(self.model, chosen, shared=trees is not alone)
                    finished.add(batch_scores.items())
                scores.update(batch_scores)
                report(len(batch_scores))
        return [scores[pair] for pair in pairs]

    @property
    def _window(self) -> int:
        """Row length, in tokens, up to which a pair may share its context: a tree's mask has no sliding window, so the
        last token of a row must see the first."""
        if not self.shared:
            return 0
        window = narrowest_window(self.model.config)
        return sys.maxsize if window is None else window

    @property
    def _slots_of_a_tree(self) -> int:
        """Tokens of a tree, at most: a layer that cuts its window itself counts the branches before as well."""
        window = narrowest_window(self.model.config, IN_THE_LAYER)
        return self.slots if window is None else min(self.slots, window)


def _row_length(pair: ContinuationPair) -> int:
    """Tokens that pass through the model for a pair alone: nothing is predicted from the last one."""
    return len(pair[0]) + len(pair[1]) - 1


def _tree(context: tuple[int, ...], branches: Sequence[tuple[int, ...]]) -> _Tree:
    return _Tree(context=context, branches=tuple(branches))


def _trees(pairs: Sequence[ContinuationPair], *, slots: int) -> list[_Tree]:
    """Pairs with one context together, split where a row would outgrow `slots`."""
    groups: dict[tuple[int, ...], list[list[tuple[int, ...]]]] = {}
    sizes: dict[tuple[int, ...], int] = {}
    for context, branch in pairs:
        rows = groups.setdefault(context, [])
        if not rows or sizes[context] + len(branch) - 1 > slots:
            rows.append([])
            sizes[context] = len(context)
        rows[-1].append(branch)
        sizes[context] += len(branch) - 1
    return [_tree(context, row) for context, rows in groups.items() for row in rows]


@torch.inference_mode()
def _score_trees(
    model: PreTrainedModel, trees: Sequence[_Tree], *, shared: bool = False
) -> dict[ContinuationPair, Score]:
    """One forward pass over a batch of trees, and one over what they all begin with where `shared` and worth it."""
    beginning = counted_prefix(model, [tree.context for tree in trees]) if shared else None
    before = 0 if beginning is None else beginning.length
    ids = padded([tree.ids[before:] for tree in trees], fill=0).to(model.device)
    rows, columns, targets, owners = _reads(trees)
    inputs: dict[str, Any] = {"input_ids": ids, "use_cache": False}
    if any(len(tree.branches) > 1 for tree in trees):
        inputs |= _tree_inputs(trees, before + ids.shape[1], model, before=before)
    if beginning is not None:
        inputs |= {"past_key_values": beginning.cache, "use_cache": True}
    rows, columns = rows.to(model.device), columns.to(model.device) - before
    tokens = sum(len(tree.ids) - before for tree in trees)
    logits = counted_logits(model, rows, columns, tokens=tokens, behind=before, **inputs)
    logprobs, greedy = (values.cpu() for values in token_logprobs(logits, targets.to(model.device)))
    pairs = [(tree.context, branch) for tree in trees for branch in tree.branches]
    sums = torch.zeros(len(pairs), dtype=torch.float64).index_add_(0, owners, logprobs.double())
    misses = torch.zeros(len(pairs), dtype=torch.long).index_add_(0, owners, (~greedy).long())
    return {
        pair: Score(logprob=total, greedy=missed == 0)
        for pair, total, missed in zip(pairs, sums.tolist(), misses.tolist(), strict=True)
    }


def _reads(trees: Sequence[_Tree]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Row, column, target id and owner (continuation number in the batch) of each scored token.

    A branch's first token is predicted at the context's end, each other one at the token before it.
    """
    rows: list[int] = []
    columns: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    owner = 0
    for row, tree in enumerate(trees):
        start = len(tree.context)
        for branch in tree.branches:
            rows += [row] * len(branch)
            columns += [len(tree.context) - 1, *range(start, start + len(branch) - 1)]
            targets += branch
            owners += [owner] * len(branch)
            start += len(branch) - 1
            owner += 1
    return torch.tensor(rows), torch.tensor(columns), torch.tensor(targets), torch.tensor(owners)


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
