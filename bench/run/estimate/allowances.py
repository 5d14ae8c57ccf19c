"""What each job of a run is allowed on machines that others use, too: the plan's estimates, with room.

Contract: nothing is timed for it. What `bench plan` or an earlier run measured counts, else a rough estimate from
operations; a job that nothing is known of has no allowance.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bench.errors import BenchError
from bench.record.environment import device
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.results.training.facts import PlannedCounts
from bench.run.checks.counts import exact_counts
from bench.run.estimate.job_costs import START_SECONDS, JobCosts, TrainingCost
from bench.run.estimate.memory.on_processor import step_memory
from bench.run.estimate.speed.past_speeds import History
from bench.run.estimate.speed.subject_kinds import subject_kinds
from bench.run.estimate.speed.timing import Timings
from bench.run.executors.allowance import Allowance
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.units import GIB

_TIMES: dict[Literal["history", "probe", "rough"], float] = {"history": 3.0, "probe": 3.0, "rough": 6.0}
"""Seconds allowed for each that is estimated, by where the estimate is from: nodes differ, and share their disks."""
_LEAST_SECONDS = 600.0
"""Loading libraries and a model from a network mount takes minutes."""
_MEMORY_TIMES = 1.5
"""Memory allowed for each byte that is estimated; estimates were 0.85 to 1.07 of what trainings took."""
_LEAST_GIB = 2.0


def job_allowances(plan: Plan, *, home: Path, server: ChildServer) -> dict[str, Allowance]:
    """Allowances of the jobs to do, by digest."""
    trainings = {planned.job.arm: planned.job for planned in reversed(plan.jobs) if isinstance(planned.job, TrainJob)}
    needed = {training.arm for planned in plan.can_run if (training := _training(planned.job)) is not None}
    trainings = {arm: job for arm, job in trainings.items() if arm in needed}
    try:
        counts = exact_counts(trainings, workers=plan.workers, home=home, server=server) if trainings else {}
    except BenchError:  # noted by the checks before work
        counts = {}
    counted = {arm: job for arm, job in trainings.items() if arm in counts}
    steps = step_memory(counted, counts, home=home, server=server) if counted and device() == "cpu" else {}
    timings = Timings(home=home, server=server, measure=False)
    costs = JobCosts(history=History.read(home), timings=timings, steps=steps, tell=lambda doing: None)
    subjects = costs.subjects(subject_kinds(plan, trainings))
    loading = max(((cost.load or 0.0) + (cost.comparison or 0.0) for cost in subjects), default=0.0)
    known = {planned.digest: _allowance(planned.job, costs, counts, loading) for planned in plan.can_run}
    return {digest: allowance for digest, allowance in known.items() if allowance is not None}


def _training(job: Job) -> TrainJob | None:
    """The training that a job is, or is about."""
    training = job.training if isinstance(job, SweepJob | ProbeJob) else job
    return training if isinstance(training, TrainJob) else None


def _allowance(job: Job, costs: JobCosts, counts: Mapping[str, PlannedCounts], loading: float) -> Allowance | None:
    """loading: seconds that a subject may take beside its scoring."""
    training = _training(job)
    if training is not None:
        counted = counts.get(training.arm)
        return None if counted is None else _of_training(job, costs.training(training, counted, to_do=True), counted)
    asked = job.asking if isinstance(job, AnswerJob | ShareJob) else job
    if not isinstance(asked, EvalJob):
        return None
    cost, seconds = costs.evaluation(asked, to_do=True), None
    if cost.seconds is not None and cost.seconds_from is not None:
        seconds = _seconds(cost.seconds + loading, cost.seconds_from)
    return Allowance(seconds=seconds, memory_gib=_memory(cost.memory_bytes))


def _of_training(job: Job, cost: TrainingCost, counts: PlannedCounts) -> Allowance:
    part = min(1.0, job.steps / max(1, counts.steps)) if isinstance(job, ProbeJob) else 1.0
    seconds = START_SECONDS + part * cost.seconds
    return Allowance(seconds=_seconds(seconds, cost.seconds_from), memory_gib=_memory(cost.memory_bytes))


def _seconds(estimate: float, source: Literal["history", "probe", "rough"]) -> float:
    return max(_LEAST_SECONDS, _TIMES[source] * estimate)


def _memory(estimate: int | None) -> float | None:
    """GiB of resident memory; on a GPU the estimate is of the device's memory, which no one else shares."""
    if estimate is None or device() != "cpu":
        return None
    return max(_LEAST_GIB, _MEMORY_TIMES * estimate / GIB)
