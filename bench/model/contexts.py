"""Rows of token ids that a model reads together, with its logits behind each of their distinct beginnings.

Contract: what rows begin with alike is computed once. Logits are those that evals score with: in C++ where the model
has that, else those of its layers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.model.forward import SLOTS, logits_at, most_logits, padded
from bench.model.native.decoder import NativeDecoder
from bench.model.native.library import lanes
from bench.model.native.token_tree import TokenTree, common_length
from bench.model.shared_prefix import shared_prefix

_SHORTEST = 8
"""Tokens of a beginning that is computed once: what a chat template puts before a question has a few dozen."""

_MODELS = 4
"""Passes whose logits may be in memory at once: those of two models, each with as much again for what is made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """The distinct beginnings of some rows, which are in the order of their ids."""

    rows: list[tuple[int, ...]]
    places: list[tuple[int, int]]
    """Row and column of the last token of each; what all rows begin with comes first, in the first row."""
    counts: list[int]
    """How many rows have it."""

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> "Contexts":
        """The beginnings of `rows`."""
        ordered = sorted(map(tuple, rows))
        places, counts, path = list[tuple[int, int]](), list[int](), list[int]()
        for number, row in enumerate(ordered):
            shared = common_length(ordered[number - 1], row) if number else 0
            path[shared:] = range(len(places), len(places) + len(row) - shared)
            places += [(number, column) for column in range(shared, len(row))]
            counts += [0] * (len(row) - shared)
            for context in path:
                counts[context] += 1
        return cls(rows=ordered, places=places, counts=counts)


def in_passes(rows: Iterable[Sequence[int]], *, vocabulary: int) -> Iterator[Contexts]:
    """The rows' contexts, as many of them together as one pass has slots and room for logits of."""
    together: list[Sequence[int]] = []
    tokens = longest = 0
    before: tuple[int, ...] = ()
    for row in sorted(map(tuple, rows)):
        tokens += len(row) - common_length(before, row)
        longest, before = max(longest, len(row)), row
        if together and ((len(together) + 1) * longest > SLOTS or tokens * vocabulary > most_logits(SLOTS) // _MODELS):
            yield Contexts.of(together)
            together, tokens, longest = [], len(row), len(row)
        together.append(row)
    if together:
        yield Contexts.of(together)


@torch.inference_mode()
def logits_behind(model: Any, contexts: Contexts, decoder: NativeDecoder | None) -> Tensor:
    """Logits [contexts, vocabulary] in fp32, by `decoder`, the model's, or by its layers."""
    if decoder is None:
        return _by_layers(model, contexts)
    tree = TokenTree(lanes())
    for row in contexts.rows:
        tree.add(row)
    return decoder.tree_logits(tree, range(len(contexts.places)), rounded=model.dtype is torch.bfloat16)


def _by_layers(model: Any, contexts: Contexts) -> Tensor:
    beginning = shared_prefix(model, contexts.rows, shortest=_SHORTEST, reads_all=True)
    if beginning is None:
        return read_logits(model, contexts.rows, contexts.places)
    length, cache = beginning.length, {"past_key_values": beginning.cache, "use_cache": True}
    behind = [(row, column - length) for row, column in contexts.places[length:]]
    rests = [row[length:] for row in contexts.rows]
    return torch.cat([beginning.logits, read_logits(model, rests, behind, **cache)])


def read_logits(model: Any, rows: Sequence[Sequence[int]], places: Sequence[tuple[int, int]], **cached: Any) -> Tensor:
    """Logits [places, vocabulary] in fp32 of one pass by the layers; padding on the right is never attended to by what
    is before."""
    at, columns = torch.tensor(places, device=model.device).T
    inputs = {"input_ids": padded(rows, fill=0).to(model.device), "use_cache": False, **cached}
    return logits_at(model, at, columns, **inputs)
