"""The child's work, by kind of request. Importing this module imports the heavy libraries, once, in the fork server.

Contract: `KINDS` maps a kind to a function of (payload, folder, emit), `SERVICES` to one that takes further requests;
see `bench.run.process.child`, which gives a child its log, its end and its errors. Nothing here starts a thread or
touches a device at import: forks would inherit it.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types

import bench.evals.job
import bench.train.exact_counts
import bench.train.job
import bench.train.probe
from bench.emit import Emit
from bench.errors import InputError, Problem
from bench.model.remote_code import own_modules
from bench.record.eval_job import AnswerJob, EvalJob
from bench.record.files import SCORES
from bench.record.store import write_result
from bench.record.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.training import SweepResult, TrainResult
from bench.run.plan.chosen_rate import at_rate, settled
from bench.run.process.child import Service, Work
from bench.run.process.ranks import in_ranks
from bench.suite.data import DataSpec
from bench.suite.evals import LossSpec
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.sweep import DEV
from bench.train.micro.pretrain import Progress


def train(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Train one seed replicate; `payload` is a `TrainJob`."""
    job = settled(TrainJob.model_validate(payload))
    torch.set_num_threads(job.threads)
    write_result(folder, _trained(job, folder, emit))


def sweep(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Train at one rate of a sweep and take the loss on its dev rows; the weights are not kept."""
    job = SweepJob.model_validate(payload)
    training, started = job.training, time.monotonic()
    torch.set_num_threads(training.threads)
    trained = _trained(training, folder, emit)
    loss = None
    if not trained.diverged:
        scored = bench.evals.job.run_eval(_dev_eval(job, folder), folder, emit)
        loss = next(measure.value for measure in scored.measures if measure.headline)
        (folder / SCORES).unlink()
    shutil.rmtree(folder / trained.weights)
    write_result(
        folder,
        SweepResult(
            rate=training.recipe.rate,
            loss=loss,
            dev_rows=job.dev.rows,
            training_rows=training.data.rows,
            steps=trained.ledger.steps,
            tokens=trained.ledger.tokens,
            seconds=time.monotonic() - started,
        ),
    )


def _trained(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    return in_ranks(
        job.recipe.processes,
        lead=lambda: bench.train.job.run_training(job, folder, emit),
        follow=lambda: _follow(folder, lambda: bench.train.job.follow_training(job, folder)),
        emit=emit,
    )


def _follow(folder: Path, work: Callable[[], None]) -> None:
    """As `_apart`, for one of the other processes of a job; what it leaves there goes with the job's own copy."""
    with own_modules(folder / "modules" / f"rank{os.environ['RANK']}"):
        work()


def _dev_eval(job: SweepJob, folder: Path) -> EvalJob:
    """Held-out loss of what was just trained in `folder`."""
    training = job.training
    return EvalJob(
        subject=f"{training.arm}#{training.seed}",
        eval=LossSpec(kind="loss", name=DEV, data=DataSpec(source=job.dev.source)),
        model=training.model,
        data=job.dev,
        tasks_path=None,
        training=training.digest,
        training_path=str(folder),
        precision=training.recipe.precision,
        threads=training.threads,
        digest=job.digest,
    )


def probe(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Time the first steps of an arm; `payload` is a `ProbeJob`."""
    job = ProbeJob.model_validate(payload)
    torch.set_num_threads(job.training.threads)
    probed = in_ranks(
        job.training.recipe.processes,
        lead=lambda: bench.train.probe.run_probe(job, folder, emit),
        follow=lambda: _follow(folder, lambda: bench.train.probe.follow_probe(job, folder)),
        emit=emit,
    )
    write_result(folder, probed)


def evaluate(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Score one subject on one eval; `payload` is an `EvalJob`."""
    job = EvalJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    write_result(folder, bench.evals.job.run_eval(job, folder, emit))


def answer(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Get one subject's answers for a judge; `payload` is an `AnswerJob`."""
    job = AnswerJob.model_validate(payload)
    write_result(folder, bench.evals.job.run_eval(job.asking, folder, emit))


def count(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, int]:
    """What a training would do, without training; `payload` is a `TrainJob`."""
    job = TrainJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    if job.candidates:  # the rate changes no count
        job = at_rate(job, job.recipe.rates[0])
    return dict(bench.train.exact_counts.count_training(job))


def facts(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """A training's exact counts, operations and tensor bytes among them; `payload` is a `TrainJob`."""
    from bench.train.exact_counts import training_facts  # only the gate asks

    job = TrainJob.model_validate(payload)
    torch.set_num_threads(job.threads)
    return training_facts(job).model_dump(mode="json")


def check(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Whether trainings can be done at all; `payload` has `jobs`, each a `TrainJob`. Raises all problems at once."""
    from bench.train.check import check_training

    problems: list[Problem] = []
    for fields in payload["jobs"]:
        job = TrainJob.model_validate(fields)
        recipe = job.arm.partition("/")[2].partition("@")[0]
        try:
            check_training(job)
        except InputError as error:
            problems += [at_recipe(problem, recipe) for problem in error.problems]
    if problems:
        raise InputError(dict.fromkeys(problems))


def at_recipe(problem: Problem, recipe: str) -> Problem:
    """The problem with the recipe's name in its place, where it says `recipe.*`."""
    if problem.where is None or not problem.where.startswith("recipe.*"):
        return problem
    return dataclasses.replace(problem, where=problem.where.replace("recipe.*", f"recipe.{recipe}", 1))


def fetch(payload: dict[str, Any], folder: Path, emit: Emit) -> str:
    """Download hub data; `payload` has `spec` (a `DataSpec`) and `home`. Returns the local file's path."""
    from bench.data.sources import hub

    return str(hub.fetch(DataSpec.model_validate(payload["spec"]), home=Path(payload["home"])))


def code(payload: dict[str, Any], folder: Path, emit: Emit) -> list[str]:
    """Which parts of the checkpoint at `path` need code of its own, of those in `classes` (class by part).

    `load` instead: these parts are trusted, and loaded. Raises `InputError` where that fails.
    """
    from bench.model import remote_code  # few models bring code

    if "classes" in payload:
        return remote_code.parts_that_need_code(payload["path"], payload["classes"])
    remote_code.check_trusted(payload["path"], payload["load"])
    return []


def build(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """Build the micro base; `payload` has `out` (its folder) and `seed`."""
    from bench.train.micro.build import build_micro  # only this kind of work needs it

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


def complete(payload: dict[str, Any], folder: Path, emit: Emit, requests: Iterator[dict[str, Any]]) -> None:
    """Answer chat requests with a base, loaded once; `payload` is a `WriterRequest`, each request a
    `CompleteRequest`."""
    from bench.evals.inference import completions

    completions.serve(payload, folder, emit, requests)


def show(payload: dict[str, Any], folder: Path, emit: Emit) -> dict[str, Any]:
    """Render rows as a training will see them; `payload` has `model`, `data`, `max_length`, `loss_on` and `rows`."""
    from bench.train.preview import preview  # only this kind of work needs it

    return preview(
        ResolvedModel.model_validate(payload["model"]),
        ResolvedData.model_validate(payload["data"]),
        max_length=payload["max_length"],
        loss_on=payload["loss_on"],
        rows=payload["rows"],
        emit=emit,
    )


def _apart(work: Work) -> Work:
    """A job that may stand beside others on the same weights: the code that those bring is copied for it alone."""

    def run(payload: dict[str, Any], folder: Path, emit: Emit) -> Any:
        with own_modules(folder):
            return work(payload, folder, emit)

    return run


KINDS: dict[str, Work] = {
    "train": _apart(train),
    "sweep": _apart(sweep),
    "probe": _apart(probe),
    "eval": _apart(evaluate),
    "answer": _apart(answer),
    "count": count,
    "check": check,
    "facts": facts,
    "fetch": fetch,
    "code": code,
    "build": build,
    "describe": describe,
    "show": show,
}

SERVICES: dict[str, Service] = {"complete": complete}

# tqdm would make a semaphore of the system's in each child, which a child that is killed leaves behind.
tqdm.set_lock(threading.RLock())

# What was imported lives as long as the server. Out of the collector's sight it is neither scanned in each child nor
# copied page by page when a collection writes to it.
gc.collect()
gc.freeze()
