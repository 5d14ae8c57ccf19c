"""What would make a run faster or smaller, from what was counted or measured for it, where the suite does not do it.

Contract: every line has the key to set and a ratio: of positions, counted on the schedule that would be trained, or of
seconds, measured on this machine. Nothing is advised for a gain below `_GAIN`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from bench.digest import digest_json
from bench.errors import BenchError
from bench.record.environment import cores, device
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import PlannedCounts, PrecisionTrial
from bench.run.checks.counts import begin_counts, exact_counts
from bench.run.estimate.forecast_types import ArmForecast
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.run.resolve.precision import is_faster, measured_trial
from bench.suite.tables.arms.arms import recipe_name

_GAIN = 1.15
_UNEVEN = 2.0
"""Times that the largest pass is the mean one from which on it decides the memory."""


def speed_advice(
    planned: Plan,
    trainings: Mapping[str, TrainJob],
    counts: Mapping[str, PlannedCounts],
    arms: Sequence[ArmForecast],
    *,
    home: Path,
    server: ChildServer,
    measure: bool,
) -> Iterator[str]:
    """A line for each change that pays. `measure`: whether steps may be timed for this."""
    ours = {arm: job for arm, job in trainings.items() if arm in counts and counts[arm].tokens}
    yield from _grouping(ours, counts, home=home, server=server)
    yield from _batch_tokens(ours, counts)
    if measure and device() == "cpu":
        yield from _bf16(ours, home=home, server=server)
        yield from _workers(planned, ours, arms, home=home, server=server)


def begin_advice(
    trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], *, home: Path, server: ChildServer
) -> None:
    """Have counted meanwhile what `speed_advice` will ask for."""
    if padded := _padded(trainings, counts):
        arm = _worst(padded)
        begin_counts({arm: _grouped(trainings[arm])}, workers=1, home=home, server=server)


def _grouping(
    trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], *, home: Path, server: ChildServer
) -> Iterator[str]:
    """The arm that pads most, counted once more with rows of similar length together."""
    padded = _padded(trainings, counts)
    if not padded:
        return
    arm = _worst(padded)
    try:
        count = exact_counts({arm: _grouped(trainings[arm])}, workers=1, home=home, server=server)[arm]
    except BenchError:  # a plan needs no advice
        return
    ratio = padded[arm] / (count.slots / max(1, count.tokens))
    if ratio >= _GAIN:
        others = f", and of {len(padded) - 1:,} other arms that pad" if len(padded) > 1 else ""
        yield (
            f"recipe.{recipe_name(arm)}.group_by_length = true: {arm} would compute {ratio:.1f} times fewer positions "
            f"for its tokens (counted){others}; batches are then of rows of similar length"
        )


def _padded(trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts]) -> dict[str, float]:
    """Positions for each token, of the arms that pad so much that grouping may pay."""
    return {
        arm: counts[arm].slots / counts[arm].tokens
        for arm, job in trainings.items()
        if counts[arm].tokens
        and not job.recipe.group_by_length
        and not job.recipe.packed
        and counts[arm].slots >= _GAIN * counts[arm].tokens
    }


def _worst(padded: Mapping[str, float]) -> str:
    return max(padded, key=lambda name: padded[name])


def _grouped(job: TrainJob) -> TrainJob:
    """The training with rows of similar length together."""
    return job.model_copy(
        update={
            "recipe": job.recipe.model_copy(update={"group_by_length": True}),
            "digest": digest_json([job.digest, "grouped"]),
        }
    )


def _batch_tokens(trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts]) -> Iterator[str]:
    """Once for each recipe whose batches are in rows: where one pass is far larger than the others."""
    told = set[str]()
    for arm, job in trainings.items():
        recipe, count = recipe_name(arm), counts[arm]
        passes = max(1, count.steps * job.recipe.accumulation)
        mean, largest = count.slots / passes, count.largest_pass.slots
        if recipe in told or job.recipe.batch_tokens is not None or job.recipe.packed or largest < _UNEVEN * mean:
            continue
        told.add(recipe)
        yield (
            f"recipe.{recipe}.batch_tokens = {round(mean)}: the largest pass of {arm} has {largest / mean:.1f} times "
            "the positions of the mean one, and memory follows the largest (counted)"
        )


def _bf16(trainings: Mapping[str, TrainJob], *, home: Path, server: ChildServer) -> Iterator[str]:
    """Once for each recipe that names fp32 where bf16 is faster on this machine."""
    named = {recipe_name(arm): job for arm, job in trainings.items() if job.recipe.precision == "fp32"}
    for recipe, job in sorted(named.items()):
        trial = measured_trial(job.model, home=home, server=server)
        if trial is not None and is_faster(trial):
            yield (
                f'recipe.{recipe}.precision = "bf16": a step of {job.model.name} is {trial.speedup:.1f} times '
                f"as fast on this machine (measured), losses {trial.loss_difference:.4f} apart"
            )


def _workers(
    planned: Plan,
    trainings: Mapping[str, TrainJob],
    arms: Sequence[ArmForecast],
    *,
    home: Path,
    server: ChildServer,
) -> Iterator[str]:
    """Where one worker has all cores and several with one thread each would do more, and memory is there."""
    waiting = sum(arm.seeds - arm.cached for arm in arms)
    if planned.workers > 1 or cores() == 1 or waiting < cores() or not trainings:
        return
    largest = max(trainings.values(), key=lambda job: job.model.parameters or 0)
    trial = measured_trial(largest.model, home=home, server=server)
    needed = cores() * max(arm.memory_bytes for arm in arms)
    if trial is not None and worker_gain(trial) >= _GAIN and needed <= psutil.virtual_memory().available:
        yield (
            f"run.workers = {cores()}: {trial.threads} threads are {trial.thread_gain:.1f} times as fast as one here "
            f"(measured), so {cores()} trainings side by side would be {worker_gain(trial):.1f} times as fast"
        )


def worker_gain(trial: PrecisionTrial) -> float:
    """How many times as fast workers of one thread are as one worker with all threads."""
    return trial.threads / trial.thread_gain
