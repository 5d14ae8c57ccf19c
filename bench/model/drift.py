"""How far a subject's next tokens are from its base's, on the same rows.

Method: the exact divergence over the whole vocabulary at every position of the rows, the subject's distribution first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor

from bench.model.forward import SLOTS, batches, logits_at, padded, vocabulary_size
from bench.model.shared_prefix import shared_prefix

_ROWS = 8
"""Rows that a loss is taken over."""
_SHORTEST = 8
"""Tokens of a beginning that is computed once: what a chat template puts before a question has a few dozen."""
_AT_ONCE = 64
"""Positions whose distributions are compared at once: all at once would not stay in a processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Means over `positions`."""

    kl: float
    """Kullback-Leibler divergence of the subject from the base, in nats."""
    changed_top: float
    """Share of positions with another most likely token."""
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contexts:
    """The distinct beginnings of some rows: row and column of the last token of each, and how many rows have it."""

    places: list[tuple[int, int]]
    counts: list[int]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "_Contexts":
        """What all rows begin with comes first, in the first row."""
        found: dict[tuple[int, ...], int] = {}
        places, counts = list[tuple[int, int]](), list[int]()
        for number, row in enumerate(rows):
            for column in range(len(row)):
                index = found.setdefault(tuple(row[: column + 1]), len(places))
                if index == len(places):
                    places.append((number, column))
                    counts.append(0)
                counts[index] += 1
        return cls(places=places, counts=counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePass:
    """Some rows that a base has read together."""

    texts: list[Sequence[int]]
    contexts: _Contexts
    logits: Tensor
    """Behind each context [contexts, vocabulary]."""


def drift(subject: Any, base: Any, rows: Sequence[Sequence[int]]) -> Drift:
    """The drift of `subject` from `base` on rows of token ids. A beginning that rows have in common is computed once,
    and counts in each of them."""
    return drift_from(base_passes(base, rows), subject)


@torch.inference_mode()
def base_passes(base: Any, rows: Sequence[Sequence[int]]) -> Iterator[BasePass]:
    """What a drift from `base` needs of it, pass by pass."""
    lengths = [len(row) for row in rows]
    for batch in batches(lengths, slots=SLOTS, reads=lengths, vocabulary=vocabulary_size(base)):
        texts = [rows[index] for index in batch]
        contexts = _Contexts.of(texts)
        yield BasePass(texts=texts, contexts=contexts, logits=_logits(base, texts, contexts))


@torch.inference_mode()
def drift_from(passes: Iterable[BasePass], subject: Any) -> Drift:
    """The drift of `subject` from the base that made the passes."""
    divergence, changed, positions = 0.0, 0.0, 0
    for untuned in passes:
        contexts, tuned = untuned.contexts, _logits(subject, untuned.texts, untuned.contexts)
        positions += sum(map(len, untuned.texts))
        for start in range(0, len(contexts.places), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            kl, moved = _apart(tuned[here], untuned.logits[here].to(tuned.device))  # llama.cpp's are on the processor
            counts = torch.tensor(contexts.counts[here])
            divergence += float((kl * counts).sum())
            changed += float((moved * counts).sum())
    return Drift(kl=max(0.0, divergence / positions), changed_top=changed / positions, positions=positions)


@torch.inference_mode()
def loss_of(model: Any, rows: Sequence[Sequence[int]]) -> float:
    """Mean negative log-likelihood per token of the first rows, in nats; a row's first token is not predicted."""
    first = rows[:_ROWS]
    places = [(number, column) for number, row in enumerate(first) for column in range(len(row) - 1)]
    targets = torch.tensor([first[number][column + 1] for number, column in places], device=model.device)
    logprobs = _logits_at(model, first, places).log_softmax(-1)
    return -float(logprobs.gather(-1, targets[:, None]).double().mean())


def has_room(model: Any) -> bool:
    """Whether a processor has the memory for two more models like this one; a device says so itself."""
    on_device = next(model.parameters()).device.type != "cpu"
    return on_device or 2 * weight_bytes(model) < psutil.virtual_memory().available


def weight_bytes(model: Any) -> int:
    """Bytes of the model's weights as they were before they were packed."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())


def _apart(tuned: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Divergence of each row of logits from that of `other`, and whether its largest is elsewhere."""
    moved = tuned.argmax(-1) != other.argmax(-1)
    tuned, other = tuned.log_softmax(-1), other.log_softmax(-1)
    return (tuned.exp() * (tuned - other)).sum(-1).double().cpu(), moved.double().cpu()


def _logits(model: Any, texts: Sequence[Sequence[int]], contexts: _Contexts) -> Tensor:
    """Logits [contexts, vocabulary] behind each of them."""
    beginning = shared_prefix(model, texts, shortest=_SHORTEST, reads_all=True)
    if beginning is None:
        return _logits_at(model, texts, contexts.places)
    length, cache = beginning.length, {"past_key_values": beginning.cache, "use_cache": True}
    behind = [(row, column - length) for row, column in contexts.places[length:]]
    return torch.cat([beginning.logits, _logits_at(model, [text[length:] for text in texts], behind, **cache)])


def _logits_at(model: Any, texts: Sequence[Sequence[int]], places: Sequence[tuple[int, int]], **cached: Any) -> Tensor:
    """Logits [places, vocabulary] in fp32 of one pass; padding on the right is never attended to by what is before."""
    rows, columns = torch.tensor(places, device=model.device).T
    inputs = {"input_ids": padded(texts, fill=0).to(model.device), "use_cache": False, **cached}
    return logits_at(model, rows, columns, **inputs)
