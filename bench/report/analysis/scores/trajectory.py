"""What is gained and forgotten over the steps of a training whose checkpoints are arms.

Contract: pure functions of the record and the aligned scores. The band of a trajectory on a measurand holds for all its
steps at once: each interval is at the level 1 - 0.05 / steps (Bonferroni), over examples and, where there are several
seeds, over these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.stats.estimates.delta import LEVEL, Delta
from bench.stats.estimates.paired import paired_delta
from bench.suite.tables.arms import ArmRef


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryPoint:
    """One checkpoint on one measurand."""

    arm: str
    step: int
    gain: Delta
    """Difference from the base, its interval at the level of the band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One training on one measurand, by ascending step."""

    name: str
    """Name of the training in the suite."""
    measurand: str
    higher_is_better: bool
    seeds: int
    points: tuple[TrajectoryPoint, ...]

    @property
    def best_step(self) -> int | None:
        """The step with the largest gain; a maximum of many is larger than what it would score again."""
        sign = 1 if self.higher_is_better else -1
        gains = [(sign * point.gain.estimate, -point.step) for point in self.points if point.gain.estimate is not None]
        return -max(gains)[1] if gains else None


def trajectories(record: Record, aligned: Sequence[Aligned], deltas: Deltas) -> tuple[Trajectory, ...]:
    """By training, then by measurand that has a score for each example; empty where no arm is a checkpoint."""
    trainings: dict[str, dict[int, ArmRef]] = {}
    for arm in planned_arms(record):
        given = record.resolved.suite.arms.given.get(arm.recipe) if arm.is_given else None
        if given is not None and given.trajectory is not None and given.step is not None:
            trainings.setdefault(given.trajectory + arm.suffix, {})[given.step] = arm
    return tuple(
        _trajectory(name, steps, entry, deltas)
        for name, steps in trainings.items()
        for entry in aligned
        if entry.measurand.per_example
    )


def _trajectory(name: str, steps: Mapping[int, ArmRef], entry: Aligned, deltas: Deltas) -> Trajectory:
    level = 1 - (1 - LEVEL) / len(steps)
    points = tuple(
        TrajectoryPoint(
            arm=arm.name,
            step=step,
            gain=paired_delta(
                entry.arms[arm.name],
                entry.arms[arm.base],
                seed=deltas.seed,
                replicates=deltas.replicates,
                level=level,
                prior=deltas.seed_prior(entry),
            ),
        )
        for step, arm in sorted(steps.items())
        if arm.name in entry.arms
    )
    seeds = max((entry.arms[point.arm].values.shape[0] for point in points), default=0)
    measurand = entry.measurand
    return Trajectory(
        name=name,
        measurand=measurand.name,
        higher_is_better=measurand.higher_is_better,
        seeds=seeds,
        points=points,
    )
