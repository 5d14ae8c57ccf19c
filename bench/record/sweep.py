"""Which learning rate a sweep chooses: the one rule, for the training that uses the rate and for reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.files import RESULT
from bench.record.train_job import TrainJob
from bench.record.training import SweepResult


def chosen_rate(results: Iterable[SweepResult]) -> float | None:
    """The rate with the lowest loss, of equal ones the lowest rate; `None` where every training diverged."""
    scored = [(result.loss, result.rate) for result in results if result.loss is not None]
    return min(scored)[1] if scored else None


def with_chosen_rate(job: TrainJob) -> TrainJob:
    """`job` with the rate that its sweep chose, from the results that it waited for; unchanged without a sweep.

    Raises `InputError` where every training of the sweep diverged.
    """
    if not job.candidates:
        return job
    results = ((Path(candidate.path) / RESULT).read_bytes() for candidate in job.candidates)
    rate = chosen_rate(SweepResult.model_validate_json(result) for result in results)
    if rate is None:
        what = f"the trainings of {job.arm} diverged at every rate of its sweep"
        raise InputError(Problem(reference="sweep.diverged", what=what, where="learning_rate", hint="try lower rates"))
    return job.with_rate(rate)
