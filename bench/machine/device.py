"""The device that a job computes on, and the precision that it can compute in."""

import os
from typing import Literal

import torch

from bench.errors import InputError, Problem
from bench.suite.tables.models.precision import Precision

_DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS: dict[torch.dtype, Precision] = {dtype: precision for precision, dtype in _DTYPES.items()}
"""Name of each type that a model computes in."""


def pick_device() -> torch.device:
    """The first CUDA (or ROCm) device, else Apple's, else the processor. Of several processes each has its own."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]) if "LOCAL_WORLD_SIZE" in os.environ else 0)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_precision(precision: Precision | Literal["auto"], device: torch.device) -> Precision:
    """The precision to compute in. `auto`: bf16 on a GPU that has it, else fp32.

    Raises `InputError` for a precision that this device cannot compute in: nothing is downgraded in silence.
    """
    cuda = device.type == "cuda"
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else device.type == "cpu"
    if precision == "auto":
        return "bf16" if cuda and bf16 else "fp32"
    if (precision == "bf16" and not bf16) or (precision == "fp16" and not cuda):
        raise InputError(
            Problem(
                reference="recipe.precision",
                what=f"{device.type} cannot compute in {precision}",
                where="recipe.*.precision",
                hint='use precision = "auto" or "fp32"',
            )
        )
    return precision


def dtype_of(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    return _DTYPES[precision]


def device_name(device: torch.device) -> str:
    """Name of the device for people: `cpu`, `mps`, or the GPU's own with its platform."""
    if device.type != "cuda":
        return device.type
    return f"{'rocm' if torch.version.hip else 'cuda'}: {torch.cuda.get_device_name(device)}"
