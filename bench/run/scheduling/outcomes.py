"""How jobs end: without a child, by a need that failed, with scores."""

from collections.abc import Mapping

from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Failure, JobOutcome
from bench.record.store import JobStore
from bench.run.plan.types import PlannedJob


def outcome_without_child(planned: PlannedJob, outcomes: Mapping[str, JobOutcome]) -> JobOutcome | None:
    """How a job ends that needs no child: it cannot run, a need of it failed, its digest has ended here; `None` for
    any other."""
    if planned.unavailable is not None:
        return JobOutcome(failure=Failure(kind="unavailable", message=planned.unavailable.what))
    if planned.refusal is not None:
        return JobOutcome(failure=Failure(kind="refused", message=planned.refusal.what))
    twin = outcomes.get(planned.digest)
    if twin is not None:
        return twin.model_copy(update={"reused": True})
    for digest in planned.after:
        failed = outcomes.get(digest)
        if failed is not None and failed.failure is not None:
            return JobOutcome(failure=dependency_failure(failed.failure, planned, digest))
    return None


def dependency_failure(failure: Failure, planned: PlannedJob, digest: str) -> Failure:
    """Failure of a job that needs another, which failed. digest: of that other job."""
    if failure.kind == "dependency":
        return failure
    needed = "sweep" if planned.job.kind == "train" else "training"
    asking = planned.eval_job
    if asking is not None and any(folder.endswith(digest) for folder in asking.shares):
        needed = "share of the questions"
    elif isinstance(planned.job, EvalJob) and planned.job.judging is not None:
        needed = "answers (or those that they are compared with)"
    elif isinstance(planned.job, EvalJob) and planned.job.form is not None:
        needed = "deployed form"
    return Failure(kind="dependency", message=f"its {needed} failed: {failure.message}")


def headline_scores(planned: PlannedJob, outcome: JobOutcome, store: JobStore) -> tuple[tuple[str, float], ...]:
    """Headline scores of an eval that is done; none of anything else."""
    if not isinstance(planned.job, EvalJob) or outcome.failure is not None:
        return ()
    result = store.eval_result(planned.job)
    measures = () if result is None else result.measures
    return tuple(
        (measure.task, measure.value) for measure in measures if measure.headline and measure.value is not None
    )
