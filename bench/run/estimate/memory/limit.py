"""Trainings that need more memory than this machine has: plan and run say so before the first is ended for it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from bench.errors import BenchError
from bench.record.environment import device
from bench.record.jobs.train_job import TrainJob
from bench.run.checks.counts import exact_counts
from bench.run.estimate.memory.from_shapes import training_memory
from bench.run.estimate.memory.on_processor import step_memory
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.suite.tables.arms.arms import recipe_name
from bench.units import size_text

_NEAR = 0.5
"""Share of the machine's memory from which an estimate by shapes is counted again, tensor by tensor."""


def memory_remarks(peaks: Mapping[str, int], device: str) -> Iterator[str]:
    """A warning for each recipe whose trainings do not fit; of a GPU, whose memory is not asked for, none. peaks: bytes
    of one training, by arm."""
    present = psutil.virtual_memory().total
    large: dict[str, list[str]] = {}
    for arm, peak in peaks.items():
        if device == "cpu" and peak > present:
            large.setdefault(recipe_name(arm), []).append(arm)
    for recipe, arms in large.items():
        most = max(peaks[arm] for arm in arms)
        yield (
            f"warning: recipe.{recipe}.batch_rows: {', '.join(arms)}: a training takes up to {size_text(most)} of "
            f"memory, this machine has {size_text(present)} (fewer batch_rows with accumulation, batch_tokens, a "
            "shorter max_length, or gradient_checkpointing = true)"
        )


def memory_remarks_of_run(planned: Plan, *, home: Path, server: ChildServer) -> Iterator[str]:
    """`memory_remarks` of the trainings to do, from shapes; tensor by tensor where these come near to the limit."""
    jobs = [entry.job for entry in planned.can_run]
    first = {job.arm: job for job in reversed(jobs) if isinstance(job, TrainJob)}  # the seed that the checks counted
    arms = (arm.name for arm in planned.resolved.suite.expand())
    trainings = {arm: first[arm] for arm in arms if arm in first}
    if device() != "cpu" or not trainings:
        return
    try:
        counts = exact_counts(trainings, workers=planned.workers, home=home, server=server)
    except BenchError:  # noted by the checks before work
        return
    peaks = {arm: training_memory(job, counts[arm], device="cpu") for arm, job in trainings.items()}
    near = {arm: job for arm, job in trainings.items() if peaks[arm] > _NEAR * psutil.virtual_memory().total}
    for arm, step in step_memory(near, counts, home=home, server=server).items() if near else ():
        peaks[arm] = step.total * trainings[arm].recipe.processes
    yield from memory_remarks(peaks, device())
