"""Private names of torch that this project takes hold of, each behind a public one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name and its signature; torch is
pinned to the patch version.
"""

from __future__ import annotations

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

__all__ = ["TorchDispatchMode", "storage_key", "tree_iter"]


def storage_key(tensor: Tensor) -> int:
    """The address of a tensor's storage, which the storage's wrappers in Python share."""
    return int(tensor.untyped_storage()._cdata)
