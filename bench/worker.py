"""The child's work, by kind of request. Importing this module imports the heavy libraries, once, in the fork server.

Contract: `KINDS` maps a kind to its payload's type and to a function of (payload, folder, emit), `SERVICES` to one that
takes further requests; see `bench.run.process.child`, which gives a child its log, its end and its errors. Nothing here
starts a thread or touches a device at import: forks would inherit it.
"""

from __future__ import annotations

import dataclasses
import gc
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

import bench.evals.job
import bench.train.exact_counts
import bench.train.job
import bench.train.probe
from bench.emit import Emit, StepDone
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.errors import InputError, Problem, collected
from bench.evals.step_score import score_step
from bench.evals.sweep import sweep_result
from bench.evals.trajectory import score_trajectory
from bench.launch.training import join_training, train_in_ranks
from bench.model.loading.remote_code import own_modules
from bench.model.size.description import DescribeRequest, Description
from bench.record.files import PARTIAL, RESULT
from bench.record.given_facts import GivenFacts
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import result_adapter
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.facts import PlannedCounts, PrecisionTrial, StepBytes, TrainingFacts
from bench.record.results.preview import Preview
from bench.record.results.training import TrainResult
from bench.record.store import write_result
from bench.record.sweep import with_chosen_setting
from bench.run.process.invitations import Invitation
from bench.run.process.payloads import (
    BuildRequest,
    BuiltBase,
    CheckReply,
    CheckRequest,
    CodeRequest,
    CountReply,
    CountRequest,
    ExportRequest,
    FetchRequest,
    GivenReply,
    GivenRequest,
    MemoryReply,
    MemoryRequest,
    PrecisionRequest,
    RefusedTraining,
    RehearsalRequest,
    ShowRequest,
    TrustRequest,
    UnpackRequest,
)
from bench.run.process.work import Payload, Service, WorkKind
from bench.train.loop.evaluated_steps import ScoreStep
from bench.train.micro.pretrain import PretrainingProgress
from bench.train.problems import problems_at


def train(planned: PlannedTraining, folder: Path, emit: Emit) -> None:
    """Train one seed replicate."""
    job = with_chosen_setting(planned)
    torch.set_num_threads(job.threads)
    _train(job, folder, emit, score=_score_of(planned))


def _score_of(job: PlannedTraining) -> ScoreStep | None:
    """What scores a stored step by the eval that chooses the kept one, with the threads of an eval's own job."""
    scoring = job.scoring
    if scoring is None:
        return None

    def score(stored: Path) -> tuple[float | None, bool]:
        scored = score_step(scoring, stored, run_eval=bench.evals.job.run_eval)
        torch.set_num_threads(job.threads)
        return scored

    return score


def trajectory(job: TrajectoryJob, folder: Path, emit: Emit) -> None:
    """Score the stored steps of a training."""
    torch.set_num_threads(job.scoring.threads)
    write_result(folder, score_trajectory(job, folder, emit, run_eval=bench.evals.job.run_eval))


def _train(job: TrainJob, folder: Path, emit: Emit, *, checked: bool = True, score: ScoreStep | None = None) -> None:
    """Train by the recipe's engine and write the result."""
    if job.recipe.command is not None:
        from bench.train.command import run_command  # few recipes bring a program

        write_result(folder, run_command(job, folder, emit))
        return
    train_in_ranks(job, folder, lambda: bench.train.job.run_training(job, folder, emit, checked=checked, score=score))


def sweep(job: SweepJob, folder: Path, emit: Emit) -> None:
    """Train at one setting of a sweep and take the loss on its dev rows; the weights are not kept."""
    training, started = job.training, time.monotonic()
    torch.set_num_threads(training.threads)
    _train(training, folder, emit, checked=False)
    trained = result_adapter.validate_json((folder / RESULT).read_bytes())
    assert isinstance(trained, TrainResult), "rank 0 wrote it"
    write_result(folder, sweep_result(job, trained, folder, emit, started=started))


def probe(job: ProbeJob, folder: Path, emit: Emit) -> None:
    """Time the first steps of an arm."""
    torch.set_num_threads(job.training.threads)
    train_in_ranks(job, folder, lambda: bench.train.probe.run_probe(job, folder, emit))


def join(invitation: Invitation, folder: Path, emit: Emit) -> None:
    """Take part in a training whose head runs on another node."""
    join_training(invitation, folder)


def evaluate(job: EvalJob, folder: Path, emit: Emit) -> None:
    """Score one subject on one eval."""
    torch.set_num_threads(job.threads)
    write_result(folder, bench.evals.job.run_eval(job, folder, emit, partial=folder / PARTIAL))


def deploy(job: DeployJob, folder: Path, emit: Emit) -> None:
    """Write and measure one training in a deployed form."""
    from bench.deploy.job import run_deploy  # few suites ask for forms

    write_result(folder, run_deploy(job, folder, emit))


def answer(job: AnswerJob, folder: Path, emit: Emit) -> None:
    """Get one subject's answers for a judge."""
    write_result(folder, bench.evals.job.run_eval(job.asking, folder, emit, partial=folder / PARTIAL))


def count(request: CountRequest, folder: Path, emit: Emit) -> CountReply:
    """What trainings would do, in their order, without training. Raises `InputError` with the problems of all."""
    counter, counts, problems = bench.train.exact_counts.TrainingCounter(), list[PlannedCounts](), list[Problem]()
    for job in request.jobs:
        torch.set_num_threads(job.threads)
        with collected(problems), problems_at(job):
            counts.append(counter.count(job.with_setting(job.recipe.settings[0]) if job.candidates else job))
    if problems:
        raise InputError(dict.fromkeys(problems))
    return CountReply(counts=tuple(counts))


def memory(request: MemoryRequest, folder: Path, emit: Emit) -> MemoryReply:
    """Memory of trainings, without training."""
    from bench.train.accounting.step_memory import step_bytes  # only plans ask

    resident, counted = psutil.Process().memory_info().rss, list[StepBytes | None]()
    for step in request.steps:
        try:
            counted.append(step_bytes(step.job, step.largest_pass, state_bytes=step.state_bytes))
        except Exception:  # whatever a foreign architecture raises without numbers; the log has it
            traceback.print_exc()
            counted.append(None)
    return MemoryReply(process_bytes=resident, steps=tuple(counted))


def precision(request: PrecisionRequest, folder: Path, emit: Emit) -> PrecisionTrial:
    """Time steps of a base's shape in two precisions."""
    from bench.train.precision_trial import try_precisions  # asked once on a machine

    return try_precisions(request.model, threads=request.threads)


def facts(job: TrainJob, folder: Path, emit: Emit) -> TrainingFacts:
    """A training's exact counts, operations and tensor bytes among them."""
    from bench.train.exact_counts import training_facts  # only the gate asks

    torch.set_num_threads(job.threads)
    return training_facts(job)


def check(request: CheckRequest, folder: Path, emit: Emit) -> CheckReply:
    """Whether trainings can be done. Raises `InputError` with all problems at once, but for those that are due to
    one model: they are returned, and cost that model's arms alone."""
    from bench.train.check import check_rows, check_training
    from bench.train.isolation import PACKING

    problems, refused = list[Problem](), list[RefusedTraining]()
    for check_job, jobs in ((check_training, request.jobs), (check_rows, request.rows)):
        for job in jobs:
            try:
                with problems_at(job):
                    check_job(job)
            except InputError as error:
                if all(problem.reference == PACKING for problem in error.problems):
                    refused += [
                        RefusedTraining(digest=job.digest, **dataclasses.asdict(problem)) for problem in error.problems
                    ]
                else:
                    problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return CheckReply(refused=tuple(refused))


def given(request: GivenRequest, folder: Path, emit: Emit) -> GivenReply:
    """Facts about weights from elsewhere, in their order. Raises `InputError` with all that does not fit its base."""
    from bench.train.given_weights import given_facts

    facts, problems = list[GivenFacts](), list[Problem]()
    for model, weights in request.weights:
        with collected(problems):
            facts.append(given_facts(model, weights))
    if problems:
        raise InputError(problems)
    return GivenReply(facts=tuple(facts))


def rehearse(request: RehearsalRequest, folder: Path, emit: Emit) -> dict[str, str]:
    """Do all of some evals but the model's passes. Raises all problems at once; returns evals that lack their rows."""
    from bench.evals.rehearsal import rehearse_all

    return rehearse_all(request.jobs, ask_endpoints=request.ask_endpoints)


def fetch(request: FetchRequest, folder: Path, emit: Emit) -> str:
    """Download hub data. Returns the local file's path."""
    from bench.data.sources import hub

    return str(hub.fetch(request.spec, home=Path(request.home)))


def code(request: CodeRequest, folder: Path, emit: Emit) -> list[str]:
    """Parts of a checkpoint that need code of its own, of those asked about."""
    from bench.model.loading import remote_code  # few models bring code

    return remote_code.parts_that_need_code(request.path, request.classes)


def trust(request: TrustRequest, folder: Path, emit: Emit) -> None:
    """Load parts of a checkpoint with its own code. Raises `InputError` where that fails."""
    from bench.model.loading import remote_code  # few models bring code

    remote_code.check_trusted(request.path, request.parts)


def build(request: BuildRequest, folder: Path, emit: Emit) -> BuiltBase:
    """Build the micro base."""
    from bench.train.micro.build import build_micro  # only this kind of work needs it

    def tell(progress: PretrainingProgress) -> None:
        emit(StepDone(**dataclasses.asdict(progress)))

    card = build_micro(Path(request.out), seed=request.seed, progress=tell)
    return BuiltBase(
        parameters=card.parameters,
        loss=card.provenance["final_loss_nats_per_token"],
        tokens=card.provenance["training_tokens"],
        seconds=card.provenance["seconds"],
        sha256=card.provenance["sha256"],
    )


def unpack(request: UnpackRequest, folder: Path, emit: Emit) -> int:
    """Write the model of a GGUF file as safetensors. Returns its parameters."""
    from bench.model.loading import gguf  # only this kind of work needs it

    return gguf.unpack(Path(request.gguf), Path(request.out), reader=Path(request.reader))


def describe(request: DescribeRequest, folder: Path, emit: Emit) -> Description:
    """Count a model's parameters from its config."""
    from bench.model.size import describe as description  # only this kind of work needs it

    return description.describe(request)


def export(request: ExportRequest, folder: Path, emit: Emit) -> None:
    """Write trained weights as a folder that plain transformers loads."""
    from bench.train.export import export_subject  # only this kind of work needs it

    export_subject(request.model, Path(request.training), Path(request.out), merge=request.merge)


def complete(wanted: WriterRequest, folder: Path, emit: Emit, requests: Iterator[CompleteRequest]) -> None:
    """Answer chat requests with a base, loaded once."""
    from bench.evals import completions

    completions.serve(wanted, emit, requests)


def show(request: ShowRequest, folder: Path, emit: Emit) -> Preview:
    """Render rows as a training will see them."""
    from bench.train.preview import preview  # only this kind of work needs it

    return preview(
        request.model,
        request.data,
        max_length=request.max_length,
        loss_on=request.loss_on,
        end_token=request.end_token,
        rows=request.rows,
        emit=emit,
    )


def _apart(payload: type[Payload], do: Callable[[Payload, Path, Emit], object]) -> WorkKind[Payload]:
    """A job that may run beside others on the same weights: the code that those bring is copied for it alone."""

    def run(job: Payload, folder: Path, emit: Emit) -> object:
        with own_modules(folder):
            return do(job, folder, emit)

    return WorkKind(payload=payload, do=run)


KINDS: dict[str, WorkKind[Any]] = {
    "train": _apart(PlannedTraining, train),
    "sweep": _apart(SweepJob, sweep),
    "probe": _apart(ProbeJob, probe),
    "join": WorkKind(payload=Invitation, do=join),
    "trajectory": _apart(TrajectoryJob, trajectory),
    "eval": _apart(EvalJob, evaluate),
    "answer": _apart(AnswerJob, answer),
    "deploy": _apart(DeployJob, deploy),
    "count": WorkKind(payload=CountRequest, do=count),
    "memory": WorkKind(payload=MemoryRequest, do=memory),
    "precision": WorkKind(payload=PrecisionRequest, do=precision),
    "check": WorkKind(payload=CheckRequest, do=check),
    "given": WorkKind(payload=GivenRequest, do=given),
    "rehearse": WorkKind(payload=RehearsalRequest, do=rehearse),
    "facts": WorkKind(payload=PlannedTraining, do=facts),
    "fetch": WorkKind(payload=FetchRequest, do=fetch),
    "code": WorkKind(payload=CodeRequest, do=code),
    "trust": WorkKind(payload=TrustRequest, do=trust),
    "build": WorkKind(payload=BuildRequest, do=build),
    "unpack": WorkKind(payload=UnpackRequest, do=unpack),
    "describe": WorkKind(payload=DescribeRequest, do=describe),
    "export": WorkKind(payload=ExportRequest, do=export),
    "show": WorkKind(payload=ShowRequest, do=show),
}

SERVICES: dict[str, Service[Any, Any]] = {
    "complete": Service(payload=WriterRequest, request=CompleteRequest, do=complete),
}

# tqdm would make a semaphore of the system's in each child, which a child that is killed leaves behind.
tqdm.set_lock(threading.RLock())

get_checkpoint_conversion_mapping("")  # compiles a thousand patterns once, for all children that load a model

# What was imported lives as long as the server. Out of the collector's sight it is neither scanned in each child nor
# copied page by page when a collection writes to it.
gc.collect()
gc.freeze()
