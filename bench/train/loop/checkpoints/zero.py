"""What a rank holds under DeepSpeed, written to resume: tensors by torch's distributed checkpoint, the rest as JSON.

Contract: every rank calls alike. DeepSpeed's own checkpoints are pickled. What its optimiser's state dictionary has
beside tensors, plain values and containers (its loss scaler, the layout of its partitions) is an object that the
resumed optimiser has as well: its plain attributes are stored and set.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from bench.train.loop.kept_step.weights import load_weights, trainable_weights

_COUNTERS = ("global_steps", "global_samples", "skipped_steps", "micro_steps")
"""Numbers that DeepSpeed's engine counts."""
_PLAIN = (bool, int, float, str, type(None))


def save_zero(folder: Path, engine: Any, rank: int) -> None:
    """Writes this rank's part into `folder`."""
    state = engine.optimizer.state_dict()
    if not engine.zero_optimization():  # no optimiser's state has the weights
        state = {"optimizer": state, "weights": trainable_weights(engine.module)}
    tensors: dict[str, Tensor] = {}
    described = _describe(state, f"rank{rank}", tensors)
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    save(dict(tensors), storage_writer=writer)
    counters = {name: getattr(engine, name) for name in _COUNTERS}
    (folder / _name(rank)).write_text(json.dumps({"counters": counters, "state": described}))


def load_zero(folder: Path, engine: Any, rank: int) -> None:
    """Puts this rank's part back, weights included."""
    stored = json.loads((folder / _name(rank)).read_text())
    tensors = {
        path: torch.empty(shape, dtype=getattr(torch, dtype)) for path, shape, dtype in _tensors(stored["state"])
    }
    load(dict(tensors), storage_reader=HuggingFaceStorageReader(str(folder)))
    for name, value in stored["counters"].items():
        setattr(engine, name, value)
    optimizer, sharded = engine.optimizer, engine.zero_optimization()
    present = optimizer.state_dict() if sharded else {"optimizer": optimizer.state_dict()}
    state = _restored(stored["state"], present, tensors)
    if not sharded:
        optimizer.load_state_dict(state["optimizer"])
        load_weights(engine.module, state["weights"])
        return
    in_parts = engine.zero_optimization_partition_weights()
    if in_parts:
        optimizer.checkpoint_event_prologue()
    optimizer.load_state_dict(state_dict_list={rank: state}, load_optimizer_states=True, load_from_fp32_weights=True)
    if in_parts:
        optimizer.checkpoint_event_epilogue()
    else:
        optimizer.update_lp_params()


def _name(rank: int) -> str:
    return f"rank{rank}.json"


def _describe(value: Any, path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """`value` in JSON, with its tensors moved to `tensors` by path: at least one number each, as safetensors wants."""
    if torch.is_tensor(value):
        tensors[path] = value.detach().reshape(value.shape or (1,)).contiguous()
        return {"tensor": path, "shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    if isinstance(value, Mapping):
        return {"keys": [[key, _describe(each, f"{path}/{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_describe(each, f"{path}/{index}", tensors) for index, each in enumerate(value)]}
    if isinstance(value, _PLAIN):
        return {"value": value}
    return {"attributes": {name: each for name, each in vars(value).items() if isinstance(each, _PLAIN)}}


def _tensors(described: Mapping[str, Any]) -> Iterator[tuple[str, list[int], str]]:
    """Path, shape as it is stored, and type of each tensor."""
    if "tensor" in described:
        yield described["tensor"], described["shape"] or [1], described["dtype"]
    for each in (*(value for _, value in described.get("keys", ())), *described.get("list", ())):
        yield from _tensors(each)


def _restored(described: Mapping[str, Any], present: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that was described. `present`: what is in its place now, for objects."""
    if "tensor" in described:
        return tensors[described["tensor"]].reshape(described["shape"])
    if "keys" in described:
        by_key = present if isinstance(present, Mapping) else {}
        return {key: _restored(each, by_key.get(key), tensors) for key, each in described["keys"]}
    if "list" in described:
        now = present if isinstance(present, list | tuple) and len(present) == len(described["list"]) else repeat(None)
        return [_restored(each, other, tensors) for each, other in zip(described["list"], now, strict=False)]
    if "value" in described:
        return described["value"]
    for name, value in described["attributes"].items():
        setattr(present, name, value)
    return present
