"""A linear layer with LoRA as one function: five products forward and backward, and nothing between them.

PEFT's layer scales and adds outputs as wide as the layer's, and autograd adds the two gradients of its inputs; here
each product adds to what the one before left.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lora_linear(
    inputs: Tensor, weight: Tensor, bias: Tensor | None, *, down: Tensor, up: Tensor, scale: float
) -> Tensor:
    """Outputs [..., out] of a frozen `weight` [out, in] and `bias` [out] with the update `scale` × `up` [out, rank] ×
    `down` [rank, in]."""
    outputs: Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        inputs.flatten(0, -2), weight, bias, down, up, scale
    )
    return outputs.view(*inputs.shape[:-1], -1)


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *operands: Any) -> Tensor:
        inputs, weight, bias, down, up, scale = operands
        narrow = inputs @ down.t()
        outputs: Tensor = inputs @ weight.t() if bias is None else torch.addmm(bias, inputs, weight.t())
        outputs.addmm_(narrow, up.t(), alpha=scale)
        ctx.save_for_backward(inputs, weight, down, up, narrow)
        ctx.scale = scale
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        inputs, weight, down, up, narrow = ctx.saved_tensors
        of_narrow = (gradient @ up).mul_(ctx.scale)
        of_up = (gradient.t() @ narrow).mul_(ctx.scale)
        of_inputs = None
        if ctx.needs_input_grad[0]:
            of_inputs = (gradient @ weight).addmm_(of_narrow, down)
        return of_inputs, None, None, of_narrow.t() @ inputs, of_up, None
