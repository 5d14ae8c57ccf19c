"""The type that a checkpoint's weights are stored in, read from the headers of its safetensors files."""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

import torch

_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def stored_dtype(folder: Path) -> torch.dtype:
    """The floating-point type of most of the weights in `folder`; fp32 where there are none in a plain one."""
    elements: Counter[torch.dtype] = Counter()
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(path).items():
            if name != "__metadata__" and entry["dtype"] in _DTYPES:
                elements[_DTYPES[entry["dtype"]]] += prod(entry["shape"])
    return max(elements, key=elements.__getitem__, default=torch.float32)


def _header(path: Path) -> dict[str, dict[str, Any]]:
    """Names, types and shapes; the file begins with the length of this JSON text in eight bytes, little-endian."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header: dict[str, dict[str, Any]] = json.loads(file.read(size))
    return header
