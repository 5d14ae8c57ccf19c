"""Bytes that one step of a training makes on a GPU, counted on tensors without numbers.

Contract: counted as `on_processor.py` counts, in the precision that a GPU computes in, and with one supervised
position, because the fused head of a GPU never has all logits in memory.
"""

from collections.abc import Mapping
from pathlib import Path

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import PlannedCounts
from bench.run.estimate.memory.on_processor import step_memory
from bench.run.process.server import ChildServer


def made_on_devices(
    trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], *, home: Path, server: ChildServer
) -> dict[str, int]:
    """Bytes by arm: gradients, copies in the computing precision and activations of the largest pass. Arms are left
    out whose step cannot be counted without numbers."""
    jobs = {arm: _in_gpu_precision(job) for arm, job in trainings.items()}
    passes = {arm: _without_logits(counts[arm]) for arm in trainings}
    steps = step_memory(jobs, passes, home=home, server=server)
    return {arm: step.tensors.made for arm, step in steps.items() if step.tensors.made}


def _in_gpu_precision(job: TrainJob) -> TrainJob:
    if job.recipe.precision != "auto":
        return job
    return job.model_copy(update={"recipe": job.recipe.model_copy(update={"precision": "bf16"})})


def _without_logits(counts: PlannedCounts) -> PlannedCounts:
    largest = counts.largest_pass.model_copy(update={"supervised_tokens": 1})
    return counts.model_copy(update={"first_step": largest, "later_steps": largest})
