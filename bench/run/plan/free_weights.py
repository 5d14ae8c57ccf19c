"""Weights that nothing needs any more: removed where the suite says so, made again where something asks for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from bench.record.store import JobStore
from bench.run.plan.types import JobOutcome, Plan, PlannedJob


def prune(plan: Plan, ended: PlannedJob, outcomes: Mapping[str, JobOutcome], store: JobStore) -> None:
    """After `ended`: free the weights of each training it needed, if nothing in this plan still needs them."""
    if plan.resolved.suite.run.keep_weights:
        return
    for digest in ended.after:
        if all(_is_done(one, outcomes) for one in plan.jobs if digest in one.after):
            store.free_weights(digest)


def retrained_where_freed(jobs: tuple[PlannedJob, ...]) -> tuple[PlannedJob, ...]:
    """The jobs, where a training whose weights were freed is to be done again if a job to do needs them."""
    needed = {digest for one in jobs if one.to_do for digest in one.after}
    return tuple(
        dataclasses.replace(one, cached=None)
        if one.cached is not None and one.cached.freed and one.digest in needed
        else one
        for one in jobs
    )


def _is_done(one: PlannedJob, outcomes: Mapping[str, JobOutcome]) -> bool:
    outcome = outcomes.get(one.digest)
    return outcome.failure is None if outcome is not None else one.cached is not None and not one.to_do
