"""The attention half of a decoder layer while it is trained, and its derivative.

Contract: `Inner`, of `half`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from bench.train.loop.layers.attention import attention_backward, attention_forward
from bench.train.loop.layers.half import Kept, LayerRows, linears
from bench.train.loop.layers.linear import Gradients
from bench.train.loop.layers.parts import normalised, normalised_back, rotate_


class TrainedAttention:
    """Attention with grouped keys, between four linear layers."""

    def __init__(self, attention: Any) -> None:
        self._query, self._key, self._value, self._out = linears(attention, "q_proj", "k_proj", "v_proj", "o_proj")
        self._query_norm, self._key_norm = (_HeadNorm(getattr(attention, name, None)) for name in ("q_norm", "k_norm"))
        self._size, self._scaling = int(attention.head_dim), float(attention.scaling)
        parts = (self._query, self._key, self._value, self._out, self._query_norm, self._key_norm)
        self.parameters = [parameter for part in parts for parameter in part.parameters]

    def forward(self, inputs: Tensor, rows: LayerRows) -> tuple[Tensor, Kept]:
        """`Inner.forward`."""
        wide = [linear.forward(inputs) for linear in (self._query, self._key, self._value)]
        queries, keys, values = (outputs.view(*rows.shape, -1, self._size) for outputs, _ in wide)
        queries, kept_queries = self._query_norm.forward(queries)
        keys, kept_keys = self._key_norm.forward(keys)
        rotate_(queries, *rows.angles)
        rotate_(keys, *rows.angles)
        mixed, log_sums = attention_forward(queries, keys, values, scaling=self._scaling, begins=rows.begins)
        outputs, narrow = self._out.forward(mixed.flatten(0, 1).flatten(1))
        narrows = (*(narrow for _, narrow in wide), narrow)
        return outputs, (queries, keys, values, mixed, log_sums, *narrows, *kept_queries, *kept_keys)

    def backward(self, gradient: Tensor, inputs: Tensor, kept: Kept, rows: LayerRows, gradients: Gradients) -> Tensor:
        """`Inner.backward`."""
        queries, keys, values, mixed, log_sums, *narrows = kept[:9]
        of_mixed = self._out.backward(gradient, mixed.flatten(0, 1).flatten(1), narrows[3], gradients, into=None)
        of_queries, of_keys, of_values = map(torch.empty_like, (queries, keys, values))
        given, out = (of_mixed.view_as(mixed), queries, keys, values, log_sums), (of_queries, of_keys, of_values)
        attention_backward(*given, scaling=self._scaling, begins=rows.begins, out=out)
        of_queries, of_keys = (rotate_(part, *rows.angles, back=True) for part in (of_queries, of_keys))
        of_queries = self._query_norm.backward(of_queries, kept[9:11], gradients)
        of_keys = self._key_norm.backward(of_keys, kept[11:], gradients)
        above = [part.flatten(0, 1).flatten(1) for part in (of_queries, of_keys, of_values)]
        of_inputs = self._query.backward(above[0], inputs, narrows[0], gradients, into=None)
        self._key.backward(above[1], inputs, narrows[1], gradients, into=of_inputs)
        return self._value.backward(above[2], inputs, narrows[2], gradients, into=of_inputs)


class _HeadNorm:
    """The norm of each head, or nothing."""

    def __init__(self, norm: Any) -> None:
        self._norm = norm
        self.parameters = list[Parameter]() if norm is None else [norm.weight]

    def forward(self, heads: Tensor) -> tuple[Tensor, Kept]:
        """Normalised heads, and what the way back reads."""
        if self._norm is None:
            return heads, (None, None)
        out, inverse = normalised(heads, self._norm.weight, self._norm.variance_epsilon, heads.dtype)
        return out, (heads, inverse)

    def backward(self, gradient: Tensor, kept: Kept, gradients: Gradients) -> Tensor:
        """The gradient of the heads."""
        heads, inverse = kept
        if heads is None or inverse is None:
            return gradient
        weight = self._norm.weight
        of_heads, of_weight = normalised_back(gradient, heads, weight, inverse)
        if of_weight is not None:
            gradients[weight] = of_weight
        return of_heads
