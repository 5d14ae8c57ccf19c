"""Floating-point operations of training and inference, from a model's shape and what is trainable in it.

Method: every matrix product of m×k by k×n is 2mkn operations. One pass over the model on the meta device finds each
linear map, whether its input and its weight need a gradient, and so which of the three products (forward, input
gradient, weight gradient) training computes: a frozen matrix under LoRA has no weight gradient (Hu et al. 2021), a
frozen first layer no input gradient either. Attention adds two products forward (scores, values) and four backward;
all pairs are counted, masked ones included, and what fused kernels compute twice is not: the convention of PaLM's MFU
(Chowdhery et al. 2022). Norms, activations and the optimiser are left out: below 1%.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

_ATTENTION_BACKWARD_OVER_FORWARD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one forward pass is given. Sums over batches are made by adding works."""

    positions: int
    """Positions that pass through the layers: slots, or tokens where padding is not to be counted."""
    pairs: int
    """Query-key pairs: for each sequence its length squared."""
    head_positions: int
    """Positions that the output head is computed at."""

    def __add__(self, other: Work) -> Work:
        return Work(
            positions=self.positions + other.positions,
            pairs=self.pairs + other.pairs,
            head_positions=self.head_positions + other.head_positions,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Products:
    """Operations per position of a group of linear maps, by product."""

    forward: int = 0
    input_gradient: int = 0
    weight_gradient: int = 0

    def __add__(self, other: Products) -> Products:
        return Products(
            forward=self.forward + other.forward,
            input_gradient=self.input_gradient + other.input_gradient,
            weight_gradient=self.weight_gradient + other.weight_gradient,
        )

    @property
    def backward(self) -> int:
        """Both gradients."""
        return self.input_gradient + self.weight_gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class FlopModel:
    """Operations as a linear function of `Work`."""

    layers: Products
    """Per position."""
    head: Products
    """Per head position."""
    attention_forward: int
    """Per query-key pair, all layers."""
    attention_trained: bool
    """Whether gradients flow through attention."""

    def forward(self, work: Work) -> int:
        """Operations of one forward pass."""
        return (
            self.layers.forward * work.positions
            + self.attention_forward * work.pairs
            + self.head.forward * work.head_positions
        )

    def backward(self, work: Work) -> int:
        """Operations of one backward pass, without any recomputed forward."""
        attention = _ATTENTION_BACKWARD_OVER_FORWARD * self.attention_forward if self.attention_trained else 0
        return self.layers.backward * work.positions + attention * work.pairs + self.head.backward * work.head_positions

    def training(self, work: Work) -> int:
        """Model operations: forward and backward. The numerator of MFU when `work` leaves padding out."""
        return self.forward(work) + self.backward(work)

    def hardware(self, work: Work, *, checkpointing: bool) -> int:
        """Operations that the device computes: with checkpointing each layer's forward is computed twice."""
        recomputed = self.layers.forward * work.positions + self.attention_forward * work.pairs
        return self.training(work) + (recomputed if checkpointing else 0)


def flop_model(model: nn.Module) -> FlopModel:
    """Read a causal language model's operations off its shape.

    `model` may lie on the meta device and may carry PEFT adapters; nothing is computed if it does. Its parameters'
    `requires_grad` says what is trained. Where a prompt before the rows is learned, its virtual tokens are positions
    and pairs of the caller's `Work`.
    """
    learned_prompt = bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))
    if learned_prompt:
        model = model.get_base_model()  # type: ignore[operator]  # a PeftModel's
    head = _output_head(model)
    layers, head_products = Products(), Products()
    attention_trained = False
    for module, needs_input_gradient in _linear_calls(model, learned_prompt=learned_prompt):
        products = _products(module, needs_input_gradient)
        if module is head:
            head_products += products
        else:
            layers += products
        attention_trained |= products.backward > 0
    return FlopModel(
        layers=layers,
        head=head_products,
        attention_forward=_attention_per_pair(model),
        attention_trained=attention_trained,
    )


def _output_head(model: nn.Module) -> nn.Module | None:
    get = getattr(model, "get_output_embeddings", None)
    found = get() if callable(get) else None
    return found if isinstance(found, nn.Module) else None


def _products(module: nn.Module, needs_input_gradient: bool) -> Products:
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    cost = 2 * weight.numel()
    return Products(
        forward=cost,
        input_gradient=cost if needs_input_gradient else 0,
        weight_gradient=cost if weight.requires_grad else 0,
    )


def _linear_calls(model: nn.Module, *, learned_prompt: bool) -> list[tuple[nn.Module, bool]]:
    """Each call of a linear map in one forward pass, with whether its input needs a gradient.

    `learned_prompt`: every layer's input does, on its way back to the prompt.
    """
    calls: list[tuple[nn.Module, bool]] = []

    def record(module: nn.Module, inputs: tuple[torch.Tensor, ...], _output: object) -> None:
        calls.append((module, inputs[0].requires_grad))

    hooks = [
        module.register_forward_hook(record) for module in model.modules() if isinstance(module, nn.Linear | Conv1D)
    ]
    if learned_prompt:
        embed: Any = model.get_input_embeddings()  # type: ignore[operator]  # a PreTrainedModel's
        hooks.append(embed.register_forward_hook(lambda module, inputs, output: output.requires_grad_()))
    try:
        with _evaluating(model), torch.enable_grad():
            device = next(model.parameters()).device
            ids = torch.zeros((1, 2), dtype=torch.long, device=device)
            # A ready-made mask: transformers would look into the values of its own, and meta tensors have none.
            mask = torch.zeros((1, 1, 2, 2), device=device)
            model(input_ids=ids, attention_mask=mask, position_ids=ids, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return calls


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _attention_per_pair(model: nn.Module) -> int:
    """Two products (scores, values) of heads × head size, in every layer, for one query-key pair."""
    config: Any = model.config
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return 4 * int(config.num_hidden_layers * heads * size)
