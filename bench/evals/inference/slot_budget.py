"""Slots of the rows in work together: as many as make a device's products fast, and as its memory has room for.

Contract: a power of two, the same for every subject of a base on one kind of device of a home. A processor's products
are fast with far fewer rows than `SLOTS`, so nothing is timed there and the budget is that of every processor whose
memory has the room; another device is timed once for a home, and who measured first is believed.
"""

import json
import os
from pathlib import Path
from typing import Any

import psutil
import torch

from bench.atomic import write_text
from bench.digest import digest_json
from bench.machine.product_rows import rows_at_peak
from bench.model.forward import LOGITS, SLOTS, most_logits

FEWEST = 256
MOST_ANSWERING = 65_536
"""Slots of answers in work, at most, where the memory is no bound."""
ANSWER_BYTES = 64 * 2**20
"""Keys and values of the answers in work of a small model: a seventh of what a process with the libraries takes."""
_MEMORY_SHARE = 1 / 8
"""Share of the device's memory for the rows in work."""
_CACHED_BYTES = torch.float32.itemsize
"""Bytes of a number in the keys and values of answers on a processor, at least: passes in C++ keep fp32."""
_LOGIT_BYTES = 12
"""Bytes of a logit that is read: as the model gives it, in fp32, and while it is normalised."""


def slot_budget(model: Any, measured: Path | None) -> int:
    """Slots for the evals of `model` where it is. measured: folder of what the home knows of devices; without one no
    device is timed, because nothing would keep the figure."""
    device: torch.device = model.device
    slots = SLOTS if device.type == "cpu" or measured is None else _fast_slots(device, model.dtype, measured)
    memory = _MEMORY_SHARE * _memory_bytes(device)
    while slots > FEWEST and bytes_in_work(model.config, model.dtype, slots) > memory:
        slots //= 2
    return slots


def answer_slots(model: Any, slots: int) -> int:
    """Slots of the answers in work, where passes have `slots`. An answer's pass adds one token to each row and reads
    all weights, so a processor does it for more rows in hardly more time: it has the slots whose keys and values take
    up to `ANSWER_BYTES`, or as much as the weights, where the memory has room."""
    doubled = 2 * _cached(model.config) * max(model.dtype.itemsize, _CACHED_BYTES)
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    most = max(ANSWER_BYTES, min(weights, _MEMORY_SHARE * _memory_bytes(model.device) / 2))
    while model.device.type == "cpu" and slots < MOST_ANSWERING and slots * doubled <= most:
        slots *= 2
    return slots


def bytes_in_work(config: Any, dtype: torch.dtype, slots: int) -> float:
    """Keys, values and one layer's activations of so many slots, and what logits they may have beyond `LOGITS`."""
    hidden = _number(config, "hidden_size", 0)
    passing = 4 * hidden + 2 * _number(config, "intermediate_size", 4 * hidden)
    logits = most_logits(slots) - LOGITS
    return float(slots * (_cached(config) + passing) * dtype.itemsize + logits * _LOGIT_BYTES)


def _cached(config: Any) -> int:
    """Numbers in the keys and values of one slot, in all layers."""
    heads = _number(config, "num_attention_heads", 1)
    each = _number(config, "head_dim", _number(config, "hidden_size", 0) // heads)
    return 2 * _number(config, "num_hidden_layers", 1) * _number(config, "num_key_value_heads", heads) * each


def _number(config: Any, name: str, otherwise: int) -> int:
    value = getattr(config.get_text_config(), name, None)
    return value if isinstance(value, int) and value > 0 else otherwise


def _fast_slots(device: torch.device, dtype: torch.dtype, measured: Path) -> int:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    kept = measured / f"slots-{digest_json([name, str(dtype), torch.__version__])[:16]}.json"
    if not kept.exists():
        mine = kept.with_suffix(f".{os.getpid()}")
        write_text(mine, json.dumps({"device": name, "dtype": str(dtype), "slots": rows_at_peak(device, dtype)}))
        try:
            os.link(mine, kept)
        except FileExistsError:  # another process was first
            pass
        finally:
            mine.unlink()
    return int(json.loads(kept.read_bytes())["slots"])


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)
