"""The room on the disk that a run will need at least, known before it starts.

A lower bound: no run is refused that would fit. Full fine-tuning keeps every subject's weights in the type of its
base, or in fp32, once more for each step that is stored for evaluation; and while a training runs its checkpoint (fp32
weights and two moments of the optimiser) is there twice for a moment. Adapters, scores and logs are small beside these
and count as one mebibyte a job.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError, Problem
from bench.record.environment import device
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.train_job import TrainJob
from bench.suite.checks.models.stored_weights import BYTES, stored_type
from bench.suite.tables.arms.deploy import DeployedForm
from bench.units import size_text

if TYPE_CHECKING:
    from bench.run.plan.types import Plan
    from bench.suite.resolved import ResolvedModel

_CHECKPOINT_BYTES = 3 * BYTES["F32"]
"""Bytes of one parameter in a checkpoint."""
_JOB_BYTES = 1 << 20
_SMALL: dict[DeployedForm, int] = {"merged-bf16": BYTES["BF16"], "int8": 1, "gguf-f16": 2, "gguf-q8_0": 1}
"""Least bytes of one parameter in a whole model that is shipped in a type of its own."""


def needed_bytes(plan: Plan) -> int:
    """Bytes that the jobs to do will take under the home folder, at the least."""
    trainings = [planned.job for planned in plan.can_run if isinstance(planned.job, TrainJob)]
    full = [job for job in trainings if job.recipe.method == "full"]
    sizes = sorted(
        (_stored_bytes(job.model, job.recipe.precision) * (1 + _stored_steps(job)) for job in full), reverse=True
    )
    if not plan.resolved.suite.run.keep_weights:
        sizes = sizes[: plan.workers]
    saving = 0
    if plan.resolved.suite.run.steps_between_saves is not None:
        parameters = sorted((job.model.parameters or 0 for job in full), reverse=True)
        saving = 2 * _CHECKPOINT_BYTES * sum(parameters[: plan.workers])
    return sum(sizes) + saving + _shipped_bytes(plan) + _JOB_BYTES * len(plan.can_run)


def _shipped_bytes(plan: Plan) -> int:
    """Whole models among the deployed forms; none where weights are freed as soon as nothing needs them."""
    jobs = [planned.job for planned in plan.can_run if isinstance(planned.job, DeployJob)]
    kept = jobs if plan.resolved.suite.run.keep_weights else []
    merged = sum(_stored_bytes(job.model, job.precision) for job in kept if job.form == "merged")
    return merged + sum(_SMALL.get(job.form, 0) * (job.model.parameters or 0) for job in kept)


def _stored_steps(job: TrainJob) -> int:
    """Steps that are stored beside the last weights, where their number is known before the training's own: the last
    one at the least."""
    if job.evaluated is None:
        return 0
    return job.evaluated.times or 1


def _stored_bytes(model: ResolvedModel, precision: str) -> int:
    """Bytes of a tuned whole model that is computed in `precision`."""
    in_fp32 = precision == "fp32" or (precision == "auto" and device() == "cpu")
    stored = "F32" if in_fp32 else stored_type(Path(model.path))
    return (model.parameters or 0) * BYTES[stored]


def check_space(plan: Plan, *, home: Path) -> None:
    """Raises `InputError` where the disk has less room than the run needs at least."""
    needed, free = needed_bytes(plan), free_bytes(home)
    if not plan.to_do or free is None or free >= needed:
        return
    raise InputError(
        Problem(
            reference="run.no-space",
            what=f"the run needs at least {size_text(needed)} for results, and {size_text(free)} are free",
            where=str(home),
            hint="bench clean shows what can go; or set BENCH_HOME, or run.keep_weights = false",
        )
    )


def free_bytes(folder: Path) -> int | None:
    """Free room where `folder` is or will be; `None` where the system does not say."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
