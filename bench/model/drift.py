"""How far a subject's next tokens are from its base's, on the same rows.

Method: the exact divergence over the whole vocabulary at every position of the rows, the subject's distribution first.
Both are computed in the same way: in C++ where both models have that (`bench.model.contexts`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor

from bench.model.contexts import Contexts, in_passes, logits_behind
from bench.model.forward import vocabulary_size
from bench.model.native_trial import native

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
class BasePass:
    """Some rows that a base has read together."""

    contexts: Contexts
    logits: Tensor
    """Behind each context [contexts, vocabulary]."""
    in_cpp: bool
    """How they were computed."""


def drift(subject: Any, base: Any, rows: Sequence[Sequence[int]]) -> Drift:
    """The drift of `subject` from `base` on rows of token ids. A beginning that rows have in common is computed once,
    and counts in each of them."""
    return drift_from(base_passes(base, rows, like=subject), subject)


def base_passes(base: Any, rows: Sequence[Sequence[int]], *, like: Any) -> Iterator[BasePass]:
    """What a drift from `base` needs of it, pass by pass, in the way that a subject, `like`, can be computed, too."""
    decoder = None if native(like) is None else native(base)
    for contexts in in_passes(rows, vocabulary=vocabulary_size(base)):
        logits = logits_behind(base, contexts, decoder)
        yield BasePass(contexts=contexts, logits=logits, in_cpp=decoder is not None)


@torch.inference_mode()
def drift_from(passes: Iterable[BasePass], subject: Any) -> Drift:
    """The drift of `subject` from the base that made the passes."""
    divergence, changed, positions = 0.0, 0.0, 0
    for untuned in passes:
        contexts = untuned.contexts
        tuned = logits_behind(subject, contexts, native(subject) if untuned.in_cpp else None)
        positions += sum(contexts.counts)
        for start in range(0, len(contexts.places), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            kl, moved = _apart(tuned[here], untuned.logits[here].to(tuned.device))  # llama.cpp's are on the processor
            counts = torch.tensor(contexts.counts[here])
            divergence += float((kl * counts).sum())
            changed += float((moved * counts).sum())
    return Drift(kl=max(0.0, divergence / positions), changed_top=changed / positions, positions=positions)


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
