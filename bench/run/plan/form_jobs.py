"""The job that writes one training in the form that it is shipped in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.record.files import WEIGHTS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.train_job import TrainJob
from bench.run.plan.digests import deploy_digest
from bench.suite.resolved import ResolvedWeights
from bench.suite.tables.arms import DeployedArm

if TYPE_CHECKING:
    from bench.run.plan.job_builder import JobBuilder


def form_job(builder: JobBuilder, arm: DeployedArm, seed: int, made: TrainJob | ResolvedWeights) -> DeployJob:
    """The form of one training, of this suite's (`TrainJob`) or given."""
    if isinstance(made, TrainJob):
        model, trained, weights = made.model, made.digest, str(builder.store.folder(made.digest) / WEIGHTS)
    else:
        model, trained, weights = builder.resolved.base_of(arm), made.sha256, made.path
    return DeployJob(
        subject=f"{arm.name}#{seed}",
        form=arm.form,
        model=model,
        trained=trained,
        weights=weights,
        precision=builder.precision,
        threads=builder.threads,
        digest=deploy_digest(
            form=arm.form,
            model=model,
            trained=trained,
            precision=builder.precision,
            threads=builder.threads,
            code=builder.code,
        ),
    )
