"""The child's work, by kind of request. Importing this module imports the heavy libraries, once, in the fork server.

Contract: `KINDS` maps a kind to a function of (payload, folder, emit); see `bench.run.life`, which gives a child its
log, its end and its errors. Nothing here starts a thread or touches a device at import: forks would inherit it.
"""

from __future__ import annotations

import dataclasses
import gc
import threading
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types

import bench.evals
import bench.train.job
from bench.record.job import EvalJob, ProbeJob, TrainJob
from bench.record.store import write_result
from bench.run.life import Emit, Work
from bench.suite.data import DataSpec
from bench.train.pretrain import Progress


def train(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Train one seed replicate; `payload` is a `TrainJob`."""
    job = TrainJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    write_result(folder, bench.train.job.run_training(job, folder, emit))


def probe(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Time the first steps of an arm; `payload` is a `ProbeJob`."""
    job = ProbeJob.model_validate(payload)
    torch.set_num_threads(job.training.threads)
    write_result(folder, bench.train.job.run_probe(job, folder, emit))


def evaluate(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Score one subject on one eval; `payload` is an `EvalJob`."""
    job = EvalJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    write_result(folder, bench.evals.run_eval(job, folder, emit))


def count(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, int]:
    """What a training would do, without training; `payload` is a `TrainJob`."""
    job = TrainJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    return dict(bench.train.job.count_training(job))


def fetch(payload: dict[str, Any], folder: Path, emit: Emit) -> str:
    """Download hub data; `payload` has `spec` (a `DataSpec`) and `home`. Returns the local file's path."""
    from bench.data import hub  # its library is heavy, and most runs need no hub data

    return str(hub.fetch(DataSpec.model_validate(payload["spec"]), home=Path(payload["home"])))


def build(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """Build the micro base; `payload` has `out` (its folder) and `seed`."""
    from bench.train.micro import build_micro  # only this kind of work needs it

    def tell(progress: Progress) -> None:
        emit({"type": "step", **dataclasses.asdict(progress)})

    card = build_micro(Path(payload["out"]), seed=payload["seed"], progress=tell)
    return {
        "parameters": card.parameters,
        "loss": card.provenance["final_loss_nats_per_token"],
        "tokens": card.provenance["training_tokens"],
        "seconds": card.provenance["seconds"],
        "sha256": card.provenance["sha256"],
    }


def describe(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """Count a model's parameters from its config; `payload` is a `DescribeRequest`."""
    from bench.model import describe as description  # only this kind of work needs it

    request = description.DescribeRequest.model_validate(payload)
    return description.describe(request).model_dump(mode="json")


KINDS: dict[str, Work] = {
    "train": train,
    "probe": probe,
    "eval": evaluate,
    "count": count,
    "fetch": fetch,
    "build": build,
    "describe": describe,
}

# tqdm would make a semaphore of the system's in each child, which a child that is killed leaves behind.
tqdm.set_lock(threading.RLock())

# What was imported lives as long as the server. Out of the collector's sight it is neither scanned in each child nor
# copied page by page when a collection writes to it.
gc.collect()
gc.freeze()
