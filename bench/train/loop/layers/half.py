"""What the halves of a decoder layer have in common."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.nn import Parameter

from bench.train.loop.layers.linear import Gradients, TrainedLinear

Kept = tuple[Any, ...]
"""What a forward pass leaves for the way back: tensors, `None` where a layer has no such part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRows:
    """What a layer knows of its rows."""

    shape: tuple[int, int]
    """Rows, and their length with padding."""
    angles: tuple[Tensor, Tensor]
    """Cosines and sines of positions [rows or 1, length, size], fp32."""
    begins: Tensor | None
    """The first token that each sees [rows, length]; `None`: the row's first."""


class Inner(Protocol):
    """What a half computes of its normalised rows [tokens, width]."""

    parameters: list[Parameter]
    """All weights, trained or not."""

    def forward(self, inputs: Tensor, rows: LayerRows) -> tuple[Tensor, Kept]:
        """Outputs [tokens, width], and what the way back reads."""

    def backward(self, gradient: Tensor, inputs: Tensor, kept: Kept, rows: LayerRows, gradients: Gradients) -> Tensor:
        """The gradient of `inputs`; `gradients` get those of trained weights."""


def linears(module: Any, *names: str) -> list[TrainedLinear]:
    """The linear layers of these names."""
    return [TrainedLinear(getattr(module, name)) for name in names]
