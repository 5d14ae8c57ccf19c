"""Makes the record of a run from its plan, its outcomes and the store, and brings scores and logs into its folder."""

from collections.abc import Mapping
from pathlib import Path

from bench.record.contamination import ContaminationRecord
from bench.record.labels import EvalLabels
from bench.record.look import Look
from bench.record.record import Heading, JobOutcome, Record
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.checks.check_given import given_records
from bench.run.plan.types import Plan
from bench.run.recording.job_records import JobRecords, job_record
from bench.run.recording.portable import portable


def make_record(
    plan: Plan,
    outcomes: Mapping[str, JobOutcome],
    heading: Heading,
    *,
    store: JobStore,
    directory: RunDirectory,
    interrupted: bool = False,
    contamination: tuple[ContaminationRecord, ...] = (),
    looks: tuple[Look, ...] = (),
    labels: tuple[EvalLabels, ...] = (),
) -> Record:
    """The record as of now; scores and logs of ended jobs are copied into `directory`."""
    records = JobRecords(store=store, directory=directory)
    for planned in plan.jobs:
        outcome = outcomes.get(planned.digest)
        records.add(planned, job_record(planned, outcome, store, directory, interrupted=interrupted))
    return Record(
        **dict(heading),
        digest=plan.digest,
        resolved=portable(plan.resolved, Path.cwd()),
        trainings=tuple(records.trainings),
        probes=tuple(records.probes),
        evaluations=tuple(records.evaluations),
        sweeps=tuple(records.sweeps),
        trajectories=tuple(records.trajectories),
        answers=tuple(records.answers),
        shares=tuple(records.shares),
        deployments=tuple(records.deployments),
        given=given_records(plan.resolved, store.home),
        contamination=contamination,
        looks=looks,
        labels=labels,
    )
