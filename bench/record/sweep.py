"""Which setting a sweep chooses: the one rule, for the training that uses the setting and for reports."""

from collections.abc import Iterable
from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.files import RESULT
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.result import SweepResult
from bench.suite.tables.training.sweep import Setting


def chosen_setting(results: Iterable[SweepResult]) -> Setting | None:
    """The setting with the lowest loss, of equal ones the one of the lowest values; `None` where every training
    diverged."""
    scored = [(result.loss, _order(result.setting), result.setting) for result in results if result.loss is not None]
    return min(scored, key=lambda entry: entry[:2])[2] if scored else None


def with_chosen_setting(job: TrainJob) -> TrainJob:
    """`job` with the setting that its sweep chose, from the results that it waited for; unchanged without a sweep.

    Raises `InputError` where every training of the sweep diverged.
    """
    if not job.candidates:
        return job
    results = ((Path(candidate.path) / RESULT).read_bytes() for candidate in job.candidates)
    setting = chosen_setting(SweepResult.model_validate_json(result) for result in results)
    if setting is None:
        keys = ", ".join(job.candidates[0].setting)
        what = f"the trainings of {job.arm} diverged with every setting of its sweep"
        hint = f"try other values of {keys}; a lower learning rate is the usual way out"
        raise InputError(Problem(reference="sweep.diverged", what=what, where=keys, hint=hint))
    return job.with_setting(setting)


def _order(setting: Setting) -> tuple[tuple[float, str], ...]:
    """Numbers by size, other values by their text."""
    return tuple(
        (float(value), "") if isinstance(value, int | float) else (0.0, str(value)) for value in setting.values()
    )
