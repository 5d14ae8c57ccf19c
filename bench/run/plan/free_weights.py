"""Weights that nothing needs any more: removed where the suite says so, made again where something asks for them."""

import dataclasses
from collections.abc import Mapping

from bench.record.record import JobOutcome
from bench.record.store import JobStore
from bench.run.plan.types import Plan, PlannedJob


def prune(plan: Plan, ended: PlannedJob, outcomes: Mapping[str, JobOutcome], store: JobStore) -> None:
    """After `ended`: free the weights of each training it needed, if nothing in this plan still needs them."""
    if plan.resolved.suite.run.keep_weights:
        return
    for digest in ended.after:
        if all(_is_done(job, outcomes) for job in plan.jobs if digest in job.after):
            store.free_weights(digest)


def retrained_where_freed(jobs: tuple[PlannedJob, ...]) -> tuple[PlannedJob, ...]:
    """The jobs, where what has its weights freed is to be done again if a job to do needs them, and so on."""
    needed, again = set[str](), list[PlannedJob]()
    for job in reversed(jobs):  # each comes after those that it needs
        if job.cached is not None and job.cached.freed and job.digest in needed:
            job = dataclasses.replace(job, cached=None)
        needed |= set(job.after) if job.to_do else set()
        again.append(job)
    return tuple(reversed(again))


def _is_done(planned: PlannedJob, outcomes: Mapping[str, JobOutcome]) -> bool:
    outcome = outcomes.get(planned.digest)
    return outcome.failure is None if outcome is not None else planned.cached is not None and not planned.to_do
