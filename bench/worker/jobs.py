"""Jobs of a run, in the child: one function for each kind of job."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

import bench.evals.job
import bench.train.job
import bench.train.probe
from bench.emit import Emit, ReadyForTurn
from bench.evals.share import ask_share
from bench.evals.step_score import score_step
from bench.evals.subject.loader import SubjectLoader
from bench.evals.sweep import sweep_result
from bench.evals.trajectory import score_trajectory
from bench.launch.training import join_training, train_in_ranks
from bench.record.files import PARTIAL, RESULT
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.job import result_adapter
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.training.result import TrainResult
from bench.record.store import write_result
from bench.record.sweep import with_chosen_setting
from bench.run.process.invitations import Invitation
from bench.run.process.work import Rest, TurnGiven
from bench.train.loop.kept_step.evaluated_steps import ScoreStep

_LOADER = SubjectLoader()
"""The subject of this child's evals."""


def train(planned: PlannedTraining, folder: Path, emit: Emit) -> None:
    """Train one seed replicate."""
    job = with_chosen_setting(planned)
    torch.set_num_threads(job.threads)
    _train(job, folder, emit, score=_score_of(planned))


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


def probe_in_turn(job: ProbeJob, folder: Path, emit: Emit, turns: Iterator[TurnGiven]) -> None:
    """Time them in one process, which is prepared beside others and waits for its turn."""

    def await_turn() -> None:
        emit(ReadyForTurn())
        next(turns)

    torch.set_num_threads(job.training.threads)
    write_result(folder, bench.train.probe.run_probe(job, folder, emit, await_turn=await_turn))


def join(invitation: Invitation, folder: Path, emit: Emit) -> None:
    """Take part in a training whose head runs on another node."""
    join_training(invitation, folder)


def trajectory(job: TrajectoryJob, folder: Path, emit: Emit) -> None:
    """Score the stored steps of a training."""
    torch.set_num_threads(job.scoring.threads)
    write_result(folder, score_trajectory(job, folder, emit, run_eval=bench.evals.job.run_eval))


def evaluate(job: EvalJob, folder: Path, emit: Emit) -> None:
    """Score one subject on one eval."""
    torch.set_num_threads(job.threads)
    write_result(folder, bench.evals.job.run_eval(job, folder, emit, partial=folder / PARTIAL, loader=_LOADER))


def rest(request: Rest, folder: Path, emit: Emit) -> None:
    """Give the subject back, and keep its base."""
    _LOADER.give_back()


def answer(job: AnswerJob, folder: Path, emit: Emit) -> None:
    """Get one subject's answers for a judge."""
    evaluate(job.asking, folder, emit)


def share(job: ShareJob, folder: Path, emit: Emit) -> None:
    """Ask one subject a share of an eval's questions."""
    torch.set_num_threads(job.asking.threads)
    write_result(folder, ask_share(job, folder, emit, run_eval=partial(bench.evals.job.run_eval, loader=_LOADER)))


def deploy(job: DeployJob, folder: Path, emit: Emit) -> None:
    """Write and measure one training in a deployed form."""
    from bench.deploy.job import run_deploy  # few suites ask for forms

    write_result(folder, run_deploy(job, folder, emit))


def _train(job: TrainJob, folder: Path, emit: Emit, *, checked: bool = True, score: ScoreStep | None = None) -> None:
    """Train by the recipe's engine and write the result."""
    if job.recipe.command is not None:
        from bench.train.programs.command import run_command  # few recipes bring a program

        write_result(folder, run_command(job, folder, emit))
        return
    if job.recipe.engine == "unsloth":
        from bench.train.programs.unsloth import run_unsloth  # fewer still

        write_result(folder, run_unsloth(job, folder, emit))
        return
    train_in_ranks(job, folder, lambda: bench.train.job.run_training(job, folder, emit, checked=checked, score=score))


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
