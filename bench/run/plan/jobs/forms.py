"""The job that writes one training in the form that it is shipped in."""

from typing import Any

from bench.record.files import WEIGHTS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.train_job import TrainJob
from bench.run.plan.digests import deploy_digest
from bench.run.plan.jobs.context import PlanContext
from bench.suite.resolved import ResolvedWeights
from bench.suite.tables.arms.arms import DeployedArm


def form_job(context: PlanContext, arm: DeployedArm, seed: int, made: TrainJob | ResolvedWeights) -> DeployJob:
    """The form of one training, of this suite's (`TrainJob`) or given."""
    if isinstance(made, TrainJob):
        model, trained, weights = made.model, made.digest, str(context.store.folder(made.digest) / WEIGHTS)
    else:
        model, trained, weights = context.resolved.base_of(arm), made.sha256, made.path
    covered: dict[str, Any] = {"form": arm.form, "model": model, "trained": trained}
    covered |= {"precision": context.precision, "threads": context.threads}
    return DeployJob(
        **covered,
        subject=f"{arm.name}#{seed}",
        weights=weights,
        digest=deploy_digest(**covered, code=context.code),
    )
