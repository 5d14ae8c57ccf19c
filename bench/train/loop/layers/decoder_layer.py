"""A decoder layer while it is trained: its two halves, each one function of autograd with a derivative written by hand.

A half is x + f(norm(x)), where f is attention or the perceptron. Between products, everything is one pass over memory
(`parts`), and nothing is kept for the way back but what that reads.

Contract: `TrainedLayer` is for layers that `fused` knows.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import Parameter

from bench.train.loop.layers.attention_half import TrainedAttention
from bench.train.loop.layers.half import Inner, Kept, LayerRows, linears
from bench.train.loop.layers.linear import Gradients
from bench.train.loop.layers.parts import added, normalised, normalised_back, swiglu, swiglu_back


class TrainedLayer:
    """Computes what a layer of transformers does over whole rows."""

    def __init__(self, layer: Any) -> None:
        self._halves = (
            _Half(layer.input_layernorm, TrainedAttention(layer.self_attn)),
            _Half(layer.post_attention_layernorm, TrainedPerceptron(layer.mlp)),
        )

    def forward(self, hidden: Tensor, rows: LayerRows, dtype: torch.dtype) -> Tensor:
        """The stream [rows, length, width] behind the layer, with products of numbers of `dtype`."""
        for half in self._halves:
            result: Tensor = _Computed.apply(hidden, half, rows, dtype, *half.parameters)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            hidden = result
        return hidden


class _Half:
    def __init__(self, norm: Any, inner: Inner) -> None:
        self.norm, self.inner = norm, inner
        self.parameters = [norm.weight, *inner.parameters]


class _Computed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, half: _Half, rows: LayerRows, dtype: torch.dtype, *parameters: Parameter
    ) -> Tensor:
        hidden = hidden.contiguous()
        inputs, inverse = normalised(hidden, half.norm.weight, half.norm.variance_epsilon, dtype)
        inputs = inputs.flatten(0, -2)
        outputs, kept = half.inner.forward(inputs, rows)
        ctx.half, ctx.rows, ctx.count = half, rows, len(kept)
        ctx.save_for_backward(hidden, inverse, inputs, *kept, *parameters)  # parameters: to be told of a change
        return added(hidden, outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, inverse, inputs, *saved = ctx.saved_tensors
        half, gradients = ctx.half, Gradients()
        gradient = gradient.contiguous()
        above = gradient.to(inputs.dtype).flatten(0, -2)
        of_inputs = half.inner.backward(above, inputs, tuple(saved[: ctx.count]), ctx.rows, gradients)
        weight = half.norm.weight
        of_hidden, of_weight = normalised_back(of_inputs, hidden, weight, inverse, beside=gradient)
        if of_weight is not None:
            gradients[weight] = of_weight
        return of_hidden, None, None, None, *map(gradients.get, half.parameters)


class TrainedPerceptron:
    """SwiGLU between three linear layers."""

    def __init__(self, perceptron: Any) -> None:
        self._gate, self._up, self._down = linears(perceptron, "gate_proj", "up_proj", "down_proj")
        self.parameters = [*self._gate.parameters, *self._up.parameters, *self._down.parameters]

    def forward(self, inputs: Tensor, rows: LayerRows) -> tuple[Tensor, Kept]:
        """`Inner.forward`."""
        gate, narrow_gate = self._gate.forward(inputs)
        up, narrow_up = self._up.forward(inputs)
        product = swiglu(gate, up)
        outputs, narrow = self._down.forward(product)
        return outputs, (gate, up, product, narrow_gate, narrow_up, narrow)

    def backward(self, gradient: Tensor, inputs: Tensor, kept: Kept, rows: LayerRows, gradients: Gradients) -> Tensor:
        """`Inner.backward`."""
        gate, up, product, narrow_gate, narrow_up, narrow = kept
        of_product = self._down.backward(gradient, product, narrow, gradients, into=None)
        of_gate, of_up = swiglu_back(of_product, gate, up)
        of_inputs = self._gate.backward(of_gate, inputs, narrow_gate, gradients, into=None)
        return self._up.backward(of_up, inputs, narrow_up, gradients, into=of_inputs)
