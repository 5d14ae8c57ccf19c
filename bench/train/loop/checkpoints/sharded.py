"""Weights and optimiser states that are sharded over ranks: gathered whole to be saved, and written in parts to resume.

Contract: every rank calls alike. The parts are written and read by torch's distributed checkpoint, each rank its own,
as safetensors; what a rank holds for itself, such as a step count, is stored under that rank's name. Nothing is
pickled.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from bench.model.deepspeed_private import steps_a_copy

_ADAPTER = "default"
"""PEFT's name for a model's only adapter, which is part of the name of everything that belongs to it."""


@torch.no_grad()
def gather_state(model: torch.nn.Module, *, adapter_only: bool, keep: bool) -> dict[str, Tensor]:
    """Whole weights by name, on the processor; tied ones stay tied. One at a time is gathered, and dropped on a rank
    that does not `keep` them. `adapter_only`: without the frozen base's."""
    whole: dict[int, Tensor] = {}
    named: dict[str, Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if adapter_only and not value.requires_grad and _ADAPTER not in name.split("."):
            continue
        if id(value) not in whole:
            gathered = _whole(value)
            whole[id(value)] = gathered.detach().cpu() if keep else torch.empty(0)
        named[name] = whole[id(value)]
    return named if keep else {}


def _whole(value: Tensor) -> Tensor:
    """FSDP's DTensor whole; DeepSpeed's weight as the optimiser steps it, or as ZeRO 3 shards one that is frozen."""
    if isinstance(value, DTensor):  # an offloaded part is gathered over the devices
        part: Any = value.detach().to(value.device_mesh.device_type)
        whole: Tensor = part.full_tensor()
        return whole
    if value.requires_grad and (hasattr(value, "ds_id") or steps_a_copy(value)):
        from deepspeed.utils import safe_get_full_fp32_param  # who shards with it has it installed

        stepped: Tensor = safe_get_full_fp32_param(value)
        return stepped
    if not hasattr(value, "ds_id"):
        return value
    from deepspeed.zero import GatheredParameters

    with GatheredParameters([value]):
        return value.detach().clone()


def save_parts(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, rank: int) -> None:
    """Writes this rank's parts of the trained weights and of the optimiser's state into `folder`."""
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    save(_weights(model) | _states(optimizer, rank), storage_writer=writer)


def without_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What `save_parts` leaves out of the optimiser's state dictionary."""
    state = optimizer.state_dict()
    plain = {
        index: {key: value for key, value in values.items() if not torch.is_tensor(value)}
        for index, values in state["state"].items()
    }
    return {"state": plain, "param_groups": state["param_groups"]}


def load_parts(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, rank: int, plain: Mapping[str, Any]
) -> None:
    """Puts this rank's parts back. `plain`: the optimiser's state dictionary `without_tensors`."""
    reader = HuggingFaceStorageReader(str(folder))
    states = _places(reader.read_metadata().state_dict_metadata, optimizer, rank)
    load(_weights(model) | states, storage_reader=reader)
    by_parameter: dict[int, dict[str, Any]] = {index: dict(values) for index, values in plain["state"].items()}
    for name, value in states.items():
        kind, index, key = name.split("/")[-3:]
        by_parameter.setdefault(int(index), {})[key] = value.squeeze(0) if kind == _NUMBER else value
    optimizer.load_state_dict({"state": by_parameter, "param_groups": plain["param_groups"]})


_STATE, _NUMBER = "state", "number"
"""Kinds of a state's name, `KIND/PARAMETER/KEY`; after `rank0/` for a state that is no shard of a larger one."""


def _weights(model: torch.nn.Module) -> dict[str, Tensor]:
    return {f"weights/{name}": value.detach() for name, value in model.named_parameters() if value.requires_grad}


def _states(optimizer: torch.optim.Optimizer, rank: int) -> dict[str, Tensor]:
    states: dict[str, Tensor] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            if isinstance(value, DTensor):
                states[f"{_STATE}/{index}/{key}"] = value
            elif torch.is_tensor(value):  # a number is stored as a row of one
                kind = _STATE if value.dim() else _NUMBER
                states[f"rank{rank}/{kind}/{index}/{key}"] = value if value.dim() else value.unsqueeze(0)
    return states


def _places(stored: Mapping[str, Any], optimizer: torch.optim.Optimizer, rank: int) -> dict[str, Tensor]:
    """Empty tensors for the states of this rank among those that are `stored`."""
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    places: dict[str, Tensor] = {}
    for name, of in stored.items():
        if name.startswith(f"{_STATE}/"):
            places[name] = torch.empty_like(parameters[int(name.split("/")[1])], dtype=of.properties.dtype)
        elif name.startswith(f"rank{rank}/"):
            places[name] = torch.empty(of.size, dtype=of.properties.dtype)
    return places
