"""How long trainings are scored over their steps: the time of an eval's other examples, for fewer of them and more
often."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.estimate.forecast_types import EvalForecast
from bench.run.plan.types import Plan


def steps_forecast(
    planned: Plan, evals: Sequence[EvalForecast], steps: Mapping[str, int], *, load: float
) -> tuple[EvalForecast, ...]:
    """One row per eval of `evaluate_at`. evals: those of the test examples. steps: of a training, by arm. load: seconds
    until a step's weights are loaded, each time."""
    return tuple(_rows(planned, {forecast.eval: forecast for forecast in evals}, steps, load))


def _rows(
    planned: Plan, evals: Mapping[str, EvalForecast], steps: Mapping[str, int], load: float
) -> Iterator[EvalForecast]:
    asked = planned.resolved.suite.evaluate_at
    if asked is None:
        return
    for name in asked.evals:
        jobs = [job for job in planned.jobs if job.selected and not job.stuck and _scores(job.job, name)]
        if not jobs:
            continue
        test = evals.get(name)
        times = [len(asked.plan.of(steps[job.arm])) if job.arm is not None and job.arm in steps else 1 for job in jobs]
        known = None if test is None else test.seconds
        known = None if known is None else load + known * asked.dev_share / (1 - asked.dev_share)
        yield EvalForecast(
            eval=f"{name}, over steps",
            subjects=len(jobs),
            cached=sum(not job.to_do for job in jobs),
            seconds=None if known is None else known * fmean(times),
            seconds_from=None if known is None or test is None else test.seconds_from,
        )


def _scores(job: object, name: str) -> bool:
    return isinstance(job, TrajectoryJob) and job.scoring.eval.name == name
