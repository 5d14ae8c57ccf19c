"""What a plan and a run ask about trainings and evals before any of them starts."""

import dataclasses
import traceback
from pathlib import Path

import psutil
import torch

from bench.emit import Emit
from bench.errors import InputError, Problem, collected
from bench.model.loading.kept_tokenizers import KeptTokenizers
from bench.record.given_facts import GivenFacts
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import PlannedCounts, PrecisionTrial, StepBytes, TrainingFacts
from bench.run.process.payloads import (
    CheckReply,
    CheckRequest,
    CountReply,
    CountRequest,
    GivenReply,
    GivenRequest,
    MemoryReply,
    MemoryRequest,
    PrecisionRequest,
    RefusedTraining,
    RehearsalRequest,
    SoundReply,
    SoundRequest,
    StandInsReply,
    StandInsRequest,
)
from bench.train.planning.exact_counts import TrainingCounter, training_facts
from bench.train.planning.problems import problems_at


def count(request: CountRequest, folder: Path, emit: Emit) -> CountReply:
    """What trainings would do, in their order, without training. Raises `InputError` with the problems of all."""
    counter, counts, problems = TrainingCounter(), list[PlannedCounts](), list[Problem]()
    for job in request.jobs:
        torch.set_num_threads(job.threads)
        with collected(problems), problems_at(job):
            counts.append(counter.count(job.with_setting(job.recipe.settings[0]) if job.candidates else job))
    if problems:
        raise InputError(dict.fromkeys(problems))
    return CountReply(counts=tuple(counts))


def memory(request: MemoryRequest, folder: Path, emit: Emit) -> MemoryReply:
    """Memory of trainings, without training."""
    import bench.worker.jobs  # noqa: F401  # a training's libraries are counted
    from bench.train.planning.step_memory import step_bytes  # only plans ask

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
    from bench.train.planning.precision_trial import try_precisions  # asked once on a machine

    return try_precisions(request.model, threads=request.threads)


def facts(job: TrainJob, folder: Path, emit: Emit) -> TrainingFacts:
    """A training's exact counts, operations and tensor bytes among them."""
    torch.set_num_threads(job.threads)
    return training_facts(job)


def check(request: CheckRequest, folder: Path, emit: Emit) -> CheckReply:
    """Whether trainings can be done. Raises `InputError` with all problems at once, but for those that are due to
    one model: they are returned, and cost that model's arms alone."""
    from bench.train.isolation import PACKING
    from bench.train.planning.check import check_rows, check_training

    problems, refused, tokenizer_of = list[Problem](), list[RefusedTraining](), KeptTokenizers()
    for check_job, jobs in ((check_training, request.jobs), (check_rows, request.rows)):
        for job in jobs:
            try:
                with problems_at(job):
                    check_job(job, tokenizer_of)
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


def sound(request: SoundRequest, folder: Path, emit: Emit) -> SoundReply:
    """Whether nothing is wrong with a part of some tables' rows: what it is, `check` says."""
    from bench.train.planning.check import rows_are_sound

    tokenizer_of, parts = KeptTokenizers(), {"part": request.part, "parts": request.parts}
    return SoundReply(sound=tuple(rows_are_sound(job, tokenizer_of, **parts) for job in request.rows))


def given(request: GivenRequest, folder: Path, emit: Emit) -> GivenReply:
    """Facts about weights from elsewhere, in their order. Raises `InputError` with all that does not fit its base."""
    from bench.model.loading.kept_base import KeptBase
    from bench.train.applied.fit_given import given_facts

    facts, problems, plain = list[GivenFacts](), list[Problem](), KeptBase()
    for model, weights in request.weights:
        with collected(problems):
            facts.append(given_facts(model, weights, plain))
    if problems:
        raise InputError(problems)
    return GivenReply(facts=tuple(facts))


def stand_ins(request: StandInsRequest, folder: Path, emit: Emit) -> StandInsReply:
    """Load subjects that there are not yet."""
    from bench.worker.stand_ins import load_stand_ins  # it needs what evals need

    return load_stand_ins(request, folder, emit)


def rehearse(request: RehearsalRequest, folder: Path, emit: Emit) -> dict[str, str]:
    """Do all of some evals but the model's passes. Raises all problems at once; returns evals that lack their rows."""
    from bench.evals.rehearsal.rehearse import rehearse_all

    return rehearse_all(request.jobs, ask_endpoints=request.ask_endpoints)
