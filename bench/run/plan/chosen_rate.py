"""A training whose learning rate a sweep chooses: settled when it starts, from the results that it waited for."""

from __future__ import annotations

from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.files import RESULT
from bench.record.job import result_adapter
from bench.record.sweep import chosen_rate
from bench.record.train_job import TrainJob
from bench.record.training import SweepResult


def settled(job: TrainJob) -> TrainJob:
    """`job` with the rate that its sweep chose; as it is where it has none to choose.

    Raises `InputError` where every training of the sweep diverged.
    """
    if not job.candidates:
        return job
    rate = chosen_rate(_result(Path(candidate.path)) for candidate in job.candidates)
    if rate is None:
        what = f"the trainings of {job.arm} diverged at every rate of its sweep"
        raise InputError(Problem(reference="sweep.diverged", what=what, where="learning_rate", hint="try lower rates"))
    return at_rate(job, rate)


def at_rate(job: TrainJob, rate: float) -> TrainJob:
    """`job` with one learning rate and nothing left to choose."""
    recipe = job.recipe.model_copy(update={"learning_rate": rate})
    return job.model_copy(update={"recipe": recipe, "candidates": ()})


def _result(folder: Path) -> SweepResult:
    result = result_adapter.validate_json((folder / RESULT).read_bytes())
    if not isinstance(result, SweepResult):
        raise TypeError(f"{folder.name} is no training of a sweep")
    return result
