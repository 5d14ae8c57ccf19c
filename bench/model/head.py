"""The language-model head at chosen positions only: the same logits, without those that nobody reads.

With a short answer after a long prompt most logits are never read, and on a small model with a large vocabulary they
are most of the work. The model's own forward pass runs unchanged, with whatever it does to its logits after the head
(scaling, soft-capping); a hook in front of the output embedding drops the other positions.

Contract: a head is narrowed only in a model in which that was seen to give the full logits (`selects`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

TOLERANCES = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Largest difference of two logits, absolute and relative, that counts as rounding."""


def selected_logits(model: torch.nn.Module, rows: Tensor, columns: Tensor, **inputs: Any) -> Tensor:
    """Logits [reads, vocabulary] at the positions (rows[i], columns[i]) of one forward pass over `inputs`."""
    return selected_outputs(model, rows, columns, **inputs)[0]


def selected_outputs(model: torch.nn.Module, rows: Tensor, columns: Tensor, **inputs: Any) -> tuple[Tensor, Any]:
    """Logits as `selected_logits` gives them, and the outputs of the forward pass."""
    with _reading(output_head(model), rows, columns, inputs["input_ids"].shape[1]):
        outputs = model(**inputs)
    return outputs.logits[0], outputs


def full_logits(model: torch.nn.Module, rows: Tensor, columns: Tensor, **inputs: Any) -> Tensor:
    """Logits [reads, vocabulary] taken from those of every position, which any architecture can give."""
    return full_outputs(model, rows, columns, **inputs)[0]


def full_outputs(model: torch.nn.Module, rows: Tensor, columns: Tensor, **inputs: Any) -> tuple[Tensor, Any]:
    """Logits as `full_logits` gives them, and the outputs of the forward pass."""
    outputs = model(**inputs)
    before = outputs.logits.shape[1] - inputs["input_ids"].shape[1]  # virtual tokens of a learned prompt
    return outputs.logits[rows, columns + before], outputs


@torch.no_grad()
def selects(model: torch.nn.Module, rows: Tensor, columns: Tensor, **inputs: Any) -> bool:
    """Whether `selected_logits` gives the full logits; some models have no head, or reshape what goes through it."""
    if not isinstance(output_head(model), torch.nn.Module):
        return False
    training = model.training
    model.eval()
    try:
        full = full_logits(model, rows, columns, **inputs)
        selected = selected_logits(model, rows, columns, **inputs)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False
    finally:
        model.train(training)
    near = TOLERANCES[full.dtype]
    return full.shape == selected.shape and torch.allclose(full, selected, rtol=near, atol=near, equal_nan=True)


def output_head(model: torch.nn.Module) -> Any:
    """The module that makes logits; of what a process group wraps, too. `None` where there is none."""
    if isinstance(model, DistributedDataParallel):
        model = model.module
    get = getattr(model, "get_output_embeddings", None)
    return get() if callable(get) else None


@contextmanager
def _reading(head: torch.nn.Module, rows: Tensor, columns: Tensor, width: int) -> Iterator[None]:
    """While open, the head sees only the hidden states at (rows, columns) of the last `width` columns, as one row."""

    def keep_read_positions(_: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden: Tensor = arguments[0]
        positions = rows * hidden.shape[1] + (columns + (hidden.shape[1] - width))
        return (hidden.flatten(0, 1).index_select(0, positions).unsqueeze(0), *arguments[1:])

    handle = head.register_forward_pre_hook(keep_read_positions)
    try:
        yield
    finally:
        handle.remove()
