"""What was run: the suite's question, its bases, seeds and evals, and how long the last run took.

Contract: pure functions of the record.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.record.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run. jobs_reused: taken from earlier runs. wall_seconds: of the latest `bench run` that filled the record."""

    suite: str
    profile: str | None
    digest: str
    simulation: str | None
    """What makes this run a simulation; `None`: it is none."""
    question: str
    models: tuple[str, ...]
    """Names of the bases."""
    seeds: tuple[int, ...]
    evals: tuple[str, ...]
    weights_kept: bool
    """Whether trained weights stay after their evals."""
    jobs_reused: int
    workers: int
    wall_seconds: float | None
    currency: str
    price_per_hour: float | None
    price: float | None
    """Price of the whole machine for `wall_seconds`, in the suite's currency."""


def run_info(record: Record) -> RunInfo:
    """The facts of `record` that are not about one arm or one eval."""
    resolved, suite = record.resolved, record.resolved.suite
    hourly, wall = suite.run.price_per_hour, record.wall_seconds
    return RunInfo(
        suite=suite.name,
        profile=resolved.profile,
        digest=record.digest,
        simulation=next((model.simulation for model in resolved.bases().values() if model.simulation), None),
        question=suite.question,
        models=tuple(dict.fromkeys(model.name for model in resolved.bases().values())),
        seeds=suite.seeds,
        evals=tuple(spec.name for spec in suite.eval),
        weights_kept=suite.run.keep_weights,
        jobs_reused=sum(job.reused for job in record.jobs),
        workers=record.environment.workers,
        wall_seconds=wall,
        currency=suite.run.currency,
        price_per_hour=hourly,
        price=None if hourly is None or wall is None else hourly * wall / 3600,
    )
