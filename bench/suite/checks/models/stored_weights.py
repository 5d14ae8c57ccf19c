"""The type that a checkpoint's weights are stored in, read from the headers of its safetensors files."""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of one weight, by floating-point type as safetensors names it."""


def stored_type(folder: Path) -> str:
    """The type in `BYTES` of most of the weights in `folder`; `F32` where there are none of these."""
    elements: Counter[str] = Counter()
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(path).items():
            if name != "__metadata__" and entry["dtype"] in BYTES:
                elements[entry["dtype"]] += prod(entry["shape"])
    return max(elements, key=elements.__getitem__, default="F32")


def _header(path: Path) -> dict[str, dict[str, Any]]:
    """Names, types and shapes; the file begins with the length of this JSON text in eight bytes, little-endian."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header: dict[str, dict[str, Any]] = json.loads(file.read(size))
    return header
