"""The type that a base's weights are stored in, and that of what is made of it, as torch has them."""

from pathlib import Path

import torch

from bench.suite.checks.models.stored_weights import stored_type, stored_types

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def stored_dtype(folder: Path) -> torch.dtype:
    """The floating-point type of most of the weights in `folder`; fp32 where there are none in a plain one."""
    return _DTYPES[stored_type(folder)]


def tuned_dtype(base: Path, precision: str) -> torch.dtype:
    """The type that a tuned whole model is stored in: what was computed in fp32, in fp32, for in bf16 the updates of a
    short training are mostly rounded away; else in that of the base in the folder `base`."""
    return torch.float32 if precision == "fp32" else stored_dtype(base)


def the_stored_dtype(folder: Path) -> torch.dtype | None:
    """The floating-point type of all weights in `folder`; `None` where they have several, or there are none."""
    types = stored_types(folder)
    return _DTYPES[next(iter(types))] if len(types) == 1 else None
