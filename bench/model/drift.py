"""How far a subject's next tokens are from its base's, on the same rows.

Method: the exact divergence over the whole vocabulary at every position of the rows, the subject's distribution first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor

_ROWS = 8
"""Rows of one forward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Means over `positions`."""

    kl: float
    """Kullback-Leibler divergence of the subject from the base, in nats."""
    changed_top: float
    """Share of positions with another most likely token."""
    positions: int


@torch.no_grad()
def drift(subject: Any, base: Any, rows: Sequence[Sequence[int]]) -> Drift:
    """The drift of `subject` from `base` on rows of token ids."""
    divergences, changed = list[Tensor](), list[Tensor]()
    for tuned, other in zip(_log_probabilities(subject, rows), _log_probabilities(base, rows), strict=True):
        untuned = other.to(tuned.device)  # llama.cpp's are on the processor, whatever computes the base
        divergences.append((tuned.exp() * (tuned - untuned)).sum(-1).cpu())
        changed.append((tuned.argmax(-1) != untuned.argmax(-1)).cpu())
    every = torch.cat(divergences).double()
    return Drift(
        kl=max(0.0, float(every.mean())), changed_top=float(torch.cat(changed).double().mean()), positions=len(every)
    )


@torch.no_grad()
def loss_of(model: Any, rows: Sequence[Sequence[int]]) -> float:
    """Mean negative log-likelihood per token of the first rows, in nats; a row's first token is not predicted."""
    first = rows[:_ROWS]
    (logprobs,) = _log_probabilities(model, first)
    targets = torch.tensor([token for row in first for token in (*row[1:], -1)], device=logprobs.device)
    predicted = targets >= 0
    return -float(logprobs[predicted].gather(1, targets[predicted, None]).double().mean())


def has_room(model: Any) -> bool:
    """Whether a processor has the memory for two more models like this one; a device says so itself."""
    needed = 2 * sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())
    return bool(next(model.parameters()).device.type != "cpu" or needed < psutil.virtual_memory().available)


def _log_probabilities(model: Any, rows: Sequence[Sequence[int]]) -> Iterator[Tensor]:
    """Log-probabilities [positions, vocabulary] of the next token in fp32, a batch of rows at a time."""
    device = next(model.parameters()).device
    for start in range(0, len(rows), _ROWS):
        batch = rows[start : start + _ROWS]
        longest = max(map(len, batch))
        ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in batch], device=device)
        real = torch.tensor([[at < len(row) for at in range(longest)] for row in batch], device=device)
        logits = model(input_ids=ids, attention_mask=real.long()).logits[:, -longest:]
        yield logits[real].float().log_softmax(-1)
