"""The language-model head at supervised positions only: the same loss, without the logits that nobody scores.

With a short answer after a long prompt most logits never enter the loss, and on a small model with a large vocabulary
they are most of the work. The model's own forward pass runs unchanged; a hook in front of the output embedding drops
the other positions. TRL's own fused head does this on a GPU only.

Contract: `SupervisedHead.of` returns a head only for a model on which it was seen to give the full logits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

TOLERANCES = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Largest difference of two logits, absolute and relative, that counts as rounding."""


_INPUTS = ("input_ids", "position_ids", "attention_mask")


class SupervisedHead:
    """Selects hidden states in front of `model`'s output embedding while `positions` is set."""

    def __init__(self, head: torch.nn.Module) -> None:
        self._positions: torch.Tensor | None = None
        self._handle = head.register_forward_pre_hook(self._select)

    @classmethod
    def of(cls, model: torch.nn.Module, batch: dict[str, Any]) -> SupervisedHead | None:
        """A head for `model`, or `None` if the architecture has no such head or the logits on `batch` differ.

        `batch` as of `bench.train.batch.collate`; one row is enough. Two forward passes without gradients.
        """
        output = getattr(model, "get_output_embeddings", lambda: None)()
        if not isinstance(output, torch.nn.Module):
            return None
        head = cls(output)
        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                full, selected = _chosen_logits(model, batch), head._logits(model, batch)
        except (RuntimeError, ValueError, IndexError):  # such as a head that reshapes its input by batch size
            selected = None
        finally:
            model.train(training)
        if selected is None or not _same(full, selected):
            head.remove()
            return None
        return head

    def summed_loss(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        """Sum of the negative log-likelihoods (nats) over the supervised positions of `batch`."""
        return functional.cross_entropy(self._logits(model, batch).float(), batch["targets"], reduction="sum")

    def remove(self) -> None:
        """Takes the hook off."""
        self._handle.remove()

    def _logits(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        self._positions = batch["positions"]
        try:
            logits: torch.Tensor = model(**model_inputs(batch)).logits
        finally:
            self._positions = None
        return logits.flatten(0, -2)

    def _select(self, module: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._positions is None:
            return None
        hidden: torch.Tensor = arguments[0]
        return (hidden.flatten(0, 1).index_select(0, self._positions).unsqueeze(0), *arguments[1:])


def summed_loss_everywhere(model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    """The same sum from the logits of every position: what any architecture can do."""
    return functional.cross_entropy(_chosen_logits(model, batch).float(), batch["targets"], reduction="sum")


def model_inputs(batch: dict[str, Any]) -> dict[str, Any]:
    """What goes into the model's forward pass: no labels, no cache."""
    inputs = {name: batch[name] for name in _INPUTS if name in batch}
    return {**inputs, "use_cache": False}


def _chosen_logits(model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    logits: torch.Tensor = model(**model_inputs(batch)).logits
    return logits.flatten(0, 1).index_select(0, batch["positions"])


def _same(full: torch.Tensor, selected: torch.Tensor) -> bool:
    tolerance = TOLERANCES[full.dtype]
    return full.shape == selected.shape and torch.allclose(full, selected, rtol=tolerance, atol=tolerance)
