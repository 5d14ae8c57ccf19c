"""Trainable weights of a model: taken out and put back by name, and kept in fp32."""

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


def upcast_trainable_bf16(model: torch.nn.Module) -> None:
    """Train bf16 weights in fp32: on a quantised base TRL puts an adapter into bf16 whatever the precision, where
    small updates are lost and fp16's gradients cannot be scaled."""
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype == torch.bfloat16:
            parameter.data = parameter.data.float()
