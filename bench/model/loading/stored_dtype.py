"""The type that a base's weights are stored in, as torch has it."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.suite.checks.models.stored_weights import stored_type

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def stored_dtype(folder: Path) -> torch.dtype:
    """The floating-point type of most of the weights in `folder`; fp32 where there are none in a plain one."""
    return _DTYPES[stored_type(folder)]
