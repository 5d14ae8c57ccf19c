"""The safetensors files of a model's folder: which of them are the model, and what their headers say."""

import json
from pathlib import Path
from typing import Any

WEIGHTS_FILE = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
_LONGEST_HEADER = 100_000_000
"""Bytes; what the safetensors format itself allows."""


def weights_files(folder: Path) -> tuple[Path, ...]:
    """The files that transformers loads: the single one, else the shards, whether or not they exist.

    Others beside them, such as Mistral's `consolidated.safetensors` or an adapter, are not the model.
    """
    return (single,) if (single := folder / WEIGHTS_FILE).is_file() else shards(folder)


def shards(folder: Path) -> tuple[Path, ...]:
    """The files that the index lists; none without an index. Raises `ValueError` for one that is no list of files."""
    if not (folder / WEIGHTS_INDEX).is_file():
        return ()
    index = json.loads((folder / WEIGHTS_INDEX).read_text(encoding="utf-8"))
    listed = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(listed, dict):
        raise ValueError("it has no weight_map")
    return tuple(folder / name for name in sorted({str(name) for name in listed.values()}))


def tensors_of(path: Path) -> dict[str, dict[str, Any]]:
    """Types, shapes and places of the tensors by name; the file begins with the length of this JSON text in eight
    bytes, little-endian. Raises `ValueError` where there is no such header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(path.stat().st_size - 8, _LONGEST_HEADER):
            raise ValueError("no header")
        header: dict[str, Any] = json.loads(file.read(length))
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def is_whole(path: Path) -> bool:
    """Whether the file reaches exactly to where its header says that the data end."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        data = max((int(tensor["data_offsets"][1]) for tensor in tensors_of(path).values()), default=0)
        return path.stat().st_size == 8 + length + data
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return False
