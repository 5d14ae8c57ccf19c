"""The type that a checkpoint's weights are stored in, read from the headers of its safetensors files."""

from collections import Counter
from math import prod
from pathlib import Path

from bench.suite.checks.models.weights_files import tensors_of, weights_files

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of one weight, by floating-point type as safetensors names it."""


def stored_type(folder: Path) -> str:
    """The type in `BYTES` of most of the weights in `folder`; `F32` where there are none of these."""
    elements = stored_types(folder)
    return max(elements, key=elements.__getitem__, default="F32")


def stored_types(folder: Path) -> Counter[str]:
    """Numbers of weights in `folder` by their type in `BYTES`."""
    elements: Counter[str] = Counter()
    for path in weights_files(folder):
        for entry in tensors_of(path).values():
            if entry["dtype"] in BYTES:
                elements[entry["dtype"]] += prod(entry["shape"])
    return elements
