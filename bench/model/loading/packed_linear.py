"""Linear layers of a model that only computes, with their weights in the layout that the processor multiplies fastest:
that of `bench.model.native`, where it can be compiled, else oneDNN's.

Few rows against a wide matrix, as when an answer is generated token by token, run up to twice as fast; see
`benchmarks/README.md`.

Contract: outputs are those of the plain layer, within rounding. A packed model takes at most the memory of the plain
one: the plain weights are given back, save those that another module shares, and read as NaN from then on. It cannot be
trained or saved any more. A layer whose weight is read beside it stays as it is: by its model (Mamba's time step), or
by an adapter on it (DoRA's norms).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from bench.model.native.packed_weight import PackedWeight, multiplies
from bench.model.peft_private import reads_base_weight
from bench.model.torch_private import can_pack, pack_weight, packed_linear
from bench.model.trials import SameOutputs


@torch.no_grad()
def pack_linears(model: torch.nn.Module) -> int:
    """Packs every linear layer that is on the processor and is not packed yet; the number of these."""
    owners = Counter(weight.data_ptr() for module in model.modules() for weight in module.parameters(recurse=False))
    linears = [m for m in model.modules() if type(m) in (torch.nn.Linear, Conv1D) and not _is_packed(m)]
    kept = _read_elsewhere(model, linears)
    return sum(_pack(linear, owners) for linear in linears if linear not in kept)


def _read_elsewhere(model: torch.nn.Module, linears: list[Any]) -> set[Any]:
    """Layers whose weights the module that they are in reads itself: an adapter that may do so, and one that a pass of
    the model runs without them. None of the latter where the model does not run on ids alone."""
    under_adapters = {child for module in model.modules() if reads_base_weight(module) for child in module.modules()}
    called: set[Any] = set()
    hooks = [module.register_forward_pre_hook(lambda module, _: called.add(module)) for module in model.modules()]
    try:
        model(input_ids=torch.zeros((1, 8), dtype=torch.long), use_cache=False)
    except (TypeError, RuntimeError, ValueError, AttributeError, IndexError):
        return under_adapters
    finally:
        for hook in hooks:
            hook.remove()
    parents = {child: module for module in model.modules() for child in module.children()}
    left_out = {linear for linear in linears if linear not in called and parents.get(linear) in called}
    return under_adapters | left_out


def _is_packed(linear: Any) -> bool:
    return isinstance(vars(linear).get("forward"), SameOutputs)


def _pack(linear: Any, owners: Counter[int]) -> bool:
    """Packs a plain linear layer, or GPT-2's, if it can be; an adapter's or a quantised one has a class of its own."""
    weight: Tensor = linear.weight
    if type(weight.data) is not Tensor or weight.device.type != "cpu":
        return False
    if not multiplies(weight.dtype) and not can_pack(weight.dtype):
        return False
    shared = owners[weight.data_ptr()] > 1
    linear.forward = _forward(linear)
    if not shared:
        linear.weight.data = torch.full((1,), torch.nan, dtype=weight.dtype).expand(weight.shape)
    return True


def _forward(linear: Any) -> Callable[[Tensor], Tensor]:
    outputs_by_inputs = linear.weight.t() if isinstance(linear, Conv1D) else linear.weight
    if multiplies(outputs_by_inputs.dtype):
        packed = linear.packed = PackedWeight(outputs_by_inputs, linear.bias)
        return packed
    return _PackedByOneDnn(outputs_by_inputs, linear.bias)


class _PackedByOneDnn(SameOutputs):
    """A weight [outputs, inputs] in oneDNN's layout with its bias [outputs]."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight, self._bias = pack_weight(weight), bias

    def __call__(self, inputs: Tensor) -> Tensor:
        return packed_linear(inputs, self._weight, self._bias)
