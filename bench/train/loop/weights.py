"""Trainable weights of a model by name: taken out, and put back."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def trainable_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the trainable parameters by name, on the processor."""
    named = ((name, value) for name, value in model.named_parameters() if value.requires_grad)
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in named}


@torch.no_grad()
def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copies `weights` into the parameters of these names."""
    parameters = dict(model.named_parameters())
    for name, value in weights.items():
        parameters[name].copy_(value)
