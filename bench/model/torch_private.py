"""Private names of torch that this project takes hold of, each behind a public one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name and its signature; torch is
pinned to the patch version.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

__all__ = [
    "FakeTensorMode",
    "TorchDispatchMode",
    "can_pack",
    "has_hooks",
    "has_numbers",
    "makes_new",
    "pack_weight",
    "packed_linear",
    "place_on_processor",
    "plain_parts",
    "storage_key",
    "tree_iter",
]


def storage_key(tensor: Tensor) -> int:
    """The address of a tensor's storage, which the storage's wrappers in Python share."""
    return int(tensor.untyped_storage()._cdata)


def has_hooks(module: torch.nn.Module) -> bool:
    """Whether something is called before or after the forward pass of this module."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def has_numbers(tensor: Tensor) -> bool:
    """Whether there is memory behind the tensor, and not its shape alone."""
    return not isinstance(tensor, FakeTensor)


@cache
def makes_new(operation: Any) -> bool:
    """Whether the results of a dispatcher's operation share no memory with its arguments, of which it changes none."""
    schema = operation._schema
    return all(value.alias_info is None for value in (*schema.arguments, *schema.returns))


def plain_parts(tensor: Any) -> Iterator[Tensor]:
    """The plain tensors that a quantised one is made of; a plain one itself."""
    if not hasattr(tensor, "__tensor_flatten__"):
        yield tensor
        return
    names, _ = tensor.__tensor_flatten__()
    for name in names:
        yield from plain_parts(getattr(tensor, name))


def place_on_processor(model: torch.nn.Module, mode: FakeTensorMode) -> None:
    """Lays all of a model on the meta device out as on a processor, still without numbers; what is tied stays tied."""
    placed: dict[int, Tensor] = {}

    def place(value: Any) -> Any:
        if id(value) not in placed:
            there = FakeTensor(mode, value.detach(), torch.device("cpu"))
            weight = isinstance(value, torch.nn.Parameter)
            placed[id(value)] = torch.nn.Parameter(there, requires_grad=value.requires_grad) if weight else there
        return placed[id(value)]

    for module in model.modules():
        for table in (module._parameters, module._buffers):
            table.update({name: place(value) for name, value in table.items() if value is not None})


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build of torch multiplies packed weights of this type on this processor (oneDNN), which for bf16
    has to know it."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    if not available or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype is torch.float32 or (dtype is torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def pack_weight(weight: Tensor) -> Tensor:
    """A linear layer's weight [out, in] in oneDNN's own layout."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
    return packed


def packed_linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Outputs [..., out] for inputs [..., in] and a packed weight."""
    outputs: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return outputs
