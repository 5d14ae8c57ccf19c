"""The order in which a plan's jobs start."""

from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.plan.types import JobEntry
from bench.suite.tables.suite import Suite

GROUP = 1_000_000
"""Ranks of one group of jobs: a kind, or a turn."""


def subject_of(job: Job) -> str | None:
    if isinstance(job, AnswerJob | ShareJob):
        return job.asking.subject
    job = job.scoring if isinstance(job, TrajectoryJob) else job
    return job.subject if isinstance(job, EvalJob) else None


def rank(entry: JobEntry, position: int, *, suite: Suite, side_by_side: bool) -> int:
    """Side by side: probes while nothing else runs, round by round, each forth or back; the base (a broken eval shows
    at once), sweeps, which trainings wait for, trainings (long), deployed forms, each alone on the machine, the many
    short evals of the arms last, so that no worker is idle at the end. One by one: seed by seed, so that what slows the
    machine for a while slows every arm, and a run that was stopped has as many seeds of each."""
    if not side_by_side:
        return _turn_of(suite, entry.arm, entry.seed) * GROUP + position
    if isinstance(entry.job, ProbeJob):
        back = entry.job.round % 2 == 0
        return (entry.job.round - 1_000) * GROUP + (-position if back else position)
    asked = 1 if entry.arm is None else 5
    group = {"sweep": 2, "train": 3, "deploy": 4}.get(entry.job.kind, asked)
    return group * GROUP + position


def _turn_of(suite: Suite, arm: str | None, seed: int | None) -> int:
    """0 for what belongs to no seed or to the first."""
    return 0 if arm is None or seed is None else suite.seeds_of(arm).index(seed)
