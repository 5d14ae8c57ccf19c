"""A resumable checkpoint of a training in progress: safetensors and JSON, whole or not there.

Contract: written aside, synced, and put in place with one rename, so that a kill at any moment leaves the last
whole checkpoint or none. transformers' own checkpoints are neither atomic nor free of pickle. What the ranks of a
sharded training write themselves is beside it.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers.trainer import TRAINER_STATE_NAME

from bench.record.files import CHECKPOINT

_WEIGHTS, _OPTIMIZER, _RANDOM = "weights.safetensors", "optimizer.safetensors", "random.safetensors"
_BEST = "best.safetensors"
_STATE = "state.json"
PARTS = "parts"
"""Folder in a checkpoint for what the ranks of a sharded training write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that the next step depends on."""

    digest: str
    """Digest of the training; the checkpoint of another training is not used."""
    weights: Mapping[str, torch.Tensor]
    """Trainable parameters by name; none where the ranks wrote theirs."""
    optimizer: Mapping[str, Any]
    """`Optimizer.state_dict()`, without what the ranks wrote."""
    scheduler: Mapping[str, Any]
    """`LambdaLR.state_dict()`."""
    random: Mapping[str, torch.Tensor]
    """Generator states by device type and rank."""
    trainer: str
    """JSON text of transformers' `TrainerState`."""
    meter: Mapping[str, Any]
    """`Meter.state()`."""
    validation: Mapping[str, Any] | None = None
    """`Watch.state()`."""
    dev: Mapping[str, Any] | None = None
    """`EvaluatedSteps.state()`."""
    best: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Weights of the lowest validation loss, or the best dev score, so far, where they are kept."""
    parts: Path | None = None
    """Folder that the ranks wrote into themselves (`sharded.py`, `zero.py`); given when a checkpoint is read."""


def begin_checkpoint(folder: Path) -> None:
    """Makes the place aside, empty, where the next checkpoint in `folder` (the training's) is written."""
    aside = place_of_next(folder)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)


def place_of_next(folder: Path) -> Path:
    """Where the ranks of a sharded training write their own files of the next checkpoint, once it has begun."""
    return folder / f"{CHECKPOINT}.new"


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Completes the next checkpoint in `folder`, which has begun, and puts it in the place of the last."""
    aside = place_of_next(folder)
    of_ranks = {str(path.relative_to(aside)): path.stat().st_size for path in aside.rglob("*") if path.is_file()}
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}, aside / _WEIGHTS)
    save_file(_optimizer_tensors(checkpoint.optimizer), aside / _OPTIMIZER)
    save_file(dict(checkpoint.random), aside / _RANDOM)
    save_file(dict(checkpoint.best), aside / _BEST)
    state = {
        "digest": checkpoint.digest,
        "param_groups": checkpoint.optimizer["param_groups"],
        "optimizer_values": _optimizer_values(checkpoint.optimizer),
        "validation": checkpoint.validation,
        "dev": checkpoint.dev,
        "scheduler": dict(checkpoint.scheduler),
        "meter": dict(checkpoint.meter),
        "files_of_ranks": of_ranks,
    }
    (aside / _STATE).write_text(json.dumps(state))
    (aside / TRAINER_STATE_NAME).write_text(checkpoint.trainer)
    for path in (*aside.rglob("*"), aside):
        _sync(path)
    place, old = folder / CHECKPOINT, folder / f"{CHECKPOINT}.old"
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)  # a folder cannot be replaced in one step; `find_checkpoint` knows of this moment
    aside.replace(place)
    shutil.rmtree(old, ignore_errors=True)


def find_checkpoint(folder: Path, digest: str) -> Checkpoint | None:
    """The whole checkpoint of that training in `folder`, or `None`. A damaged one is removed."""
    place, old = folder / CHECKPOINT, folder / f"{CHECKPOINT}.old"
    if old.exists() and not place.exists():
        old.replace(place)
    if not place.exists():
        return None
    try:
        checkpoint = _load(place)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        remove_checkpoint(folder)  # damaged on the disk: the training starts again, rather than fail for ever
        return None
    return checkpoint if checkpoint.digest == digest else None


def remove_checkpoint(folder: Path) -> None:
    """Removes the checkpoint, and what a kill left of one."""
    for name in (CHECKPOINT, f"{CHECKPOINT}.old", f"{CHECKPOINT}.new"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _load(place: Path) -> Checkpoint:
    state = json.loads((place / _STATE).read_text())
    for name, size in state["files_of_ranks"].items():
        if (place / name).stat().st_size != size:
            raise ValueError(f"{name} is damaged")
    trainer = (place / TRAINER_STATE_NAME).read_text()
    json.loads(trainer)
    by_parameter: dict[int, dict[str, Any]] = {}
    for name, tensor in load_file(place / _OPTIMIZER).items():
        index, key = name.split(".", 1)
        by_parameter.setdefault(int(index), {})[key] = tensor
    for index, values in state["optimizer_values"].items():
        by_parameter.setdefault(int(index), {}).update(values)
    return Checkpoint(
        digest=state["digest"],
        weights=load_file(place / _WEIGHTS),
        optimizer={"state": by_parameter, "param_groups": state["param_groups"]},
        scheduler=state["scheduler"],
        random=load_file(place / _RANDOM),
        trainer=trainer,
        meter=state["meter"],
        validation=state["validation"],
        dev=state["dev"],
        best=load_file(place / _BEST),
        parts=place / PARTS if (place / PARTS).is_dir() else None,
    )


def _optimizer_tensors(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {
        f"{index}.{key}": value.contiguous()
        for index, values in state["state"].items()
        for key, value in values.items()
        if torch.is_tensor(value)
    }


def _optimizer_values(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Values that some optimisers keep beside tensors: step counts, averages, `None`."""
    return {
        str(index): {key: value for key, value in values.items() if not torch.is_tensor(value)}
        for index, values in state["state"].items()
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
