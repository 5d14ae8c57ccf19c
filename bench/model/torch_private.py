"""Private names of torch that this project takes hold of, each behind a public one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name and its signature; torch is
pinned to the patch version.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

__all__ = ["TorchDispatchMode", "can_pack", "pack_weight", "packed_linear", "storage_key", "tree_iter"]


def storage_key(tensor: Tensor) -> int:
    """The address of a tensor's storage, which the storage's wrappers in Python share."""
    return int(tensor.untyped_storage()._cdata)


def can_pack() -> bool:
    """Whether this build of torch multiplies packed weights on the processor (oneDNN)."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return available and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def pack_weight(weight: Tensor) -> Tensor:
    """A linear layer's weight [out, in] in oneDNN's own layout."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
    return packed


def packed_linear(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Outputs [..., out] for inputs [..., in] and a packed weight."""
    outputs: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
    return outputs
