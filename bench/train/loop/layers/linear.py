"""A linear layer, with LoRA or without, as products forward and backward, with nothing between them.

PEFT's layer scales and adds outputs as wide as the layer's, and autograd adds the gradients of inputs that several
layers read; here each product adds to what the one before left.

Contract: products are of one type of numbers, that of their inputs. Weights of another type are copied for them at
each forward pass, into memory that is held as long as the `TrainedLinear`: an optimiser has changed them meanwhile.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn import Identity, Linear, Module, Parameter

from bench.model.torch_private import has_hooks

Gradients = dict[Tensor, Tensor]
"""By parameter."""


def is_trainable_here(module: Any) -> bool:
    """Whether a `TrainedLinear` computes what `module` does now: a plain linear layer, or one adapter of LoRA upon it
    without a variant."""
    if type(module) is Linear:
        return not is_changed(module)
    if type(module) is not LoraLinear or is_changed(module):
        return False
    name, base = next(iter(module.lora_A)), module.get_base_layer()
    return bool(
        not (module.disable_adapters or module.merged or module.lora_variant)
        and module.active_adapters == [*module.lora_A]
        and type(base) is Linear
        and not any(map(is_changed, (base, module.lora_A[name], module.lora_B[name])))
        and isinstance(module.lora_dropout[name], Identity)
        and not module.lora_bias[name]
    )


class TrainedLinear:
    """The products of one linear layer. Inputs and outputs are [tokens, width]."""

    def __init__(self, module: Any) -> None:
        self._copies: dict[Parameter, Tensor] = {}
        adapted = type(module) is LoraLinear
        base = module.get_base_layer() if adapted else module
        self._weight, self._bias = base.weight, base.bias
        self._adapter: tuple[Parameter, Parameter, float] | None = None
        if adapted:
            name = module.active_adapters[0]
            scale = float(module.scaling[name])
            self._adapter = module.lora_A[name].weight, module.lora_B[name].weight, scale

    @property
    def parameters(self) -> list[Parameter]:
        """All weights, trained or not."""
        own = [self._weight] if self._bias is None else [self._weight, self._bias]
        return own if self._adapter is None else [*own, *self._adapter[:2]]

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Outputs, and the narrow product within LoRA for the way back."""
        weight = self._copied(self._weight, inputs.dtype).t()
        if self._bias is None:
            outputs = inputs @ weight
        else:
            outputs = torch.addmm(self._copied(self._bias, inputs.dtype), inputs, weight)
        if self._adapter is None:
            return outputs, None
        down, up, scale = self._adapter
        narrow = inputs @ self._copied(down, inputs.dtype).t()
        return outputs.addmm_(narrow, self._copied(up, inputs.dtype).t(), alpha=scale), narrow

    def backward(
        self, gradient: Tensor, inputs: Tensor, narrow: Tensor | None, gradients: Gradients, *, into: Tensor | None
    ) -> Tensor:
        """The gradient of the inputs, added to `into` if that is given; `gradients` get those of trained weights."""
        weight = self._of_products(self._weight, gradient.dtype)
        of_inputs = gradient @ weight if into is None else into.addmm_(gradient, weight)
        if self._weight.requires_grad:
            gradients[self._weight] = (gradient.t() @ inputs).to(self._weight.dtype)
        if self._bias is not None and self._bias.requires_grad:
            gradients[self._bias] = gradient.sum(0, dtype=torch.float32).to(self._bias.dtype)
        if self._adapter is None or narrow is None:
            return of_inputs
        down, up, scale = self._adapter
        of_narrow = (gradient @ self._of_products(up, gradient.dtype)).mul_(scale)
        gradients[up] = (gradient.t() @ narrow).to(up.dtype).mul_(scale)
        gradients[down] = (of_narrow.t() @ inputs).to(down.dtype)
        return of_inputs.addmm_(of_narrow, self._of_products(down, gradient.dtype))

    def _copied(self, weight: Parameter, dtype: torch.dtype) -> Tensor:
        """The weight as numbers of this type."""
        if weight.dtype == dtype:
            return weight.detach()
        copy = self._copies.get(weight)
        if copy is None:
            copy = self._copies[weight] = torch.empty_like(weight, dtype=dtype, requires_grad=False)
        return copy.copy_(weight.detach())

    def _of_products(self, weight: Parameter, dtype: torch.dtype) -> Tensor:
        """The weight that the forward pass multiplied by."""
        return weight.detach() if weight.dtype == dtype else self._copies[weight]


def is_changed(module: Module) -> bool:
    """Whether `module` may compute something else than its class says."""
    return has_hooks(module) or "forward" in vars(module)
