"""What a running suite has done and has left, kept as numbers; `bench.run.display` shows them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.emit import Event, ExamplesDone, StepDone
from bench.record.jobs.job import Job
from bench.record.record import Failure
from bench.run.plan.types import Plan

HeadlineScores = Sequence[tuple[str, float]]
"""Headline score of each task of an eval."""


@dataclass(slots=True, kw_only=True)
class Activity:
    """One running job."""

    id: str
    since: float
    """Start, in seconds of the tally's clock."""
    done: int | None = None
    """Steps or examples."""
    total: int | None = None
    unit: str = ""
    loss: float | None = None
    tokens_per_second: float | None = None

    def take(self, event: Event) -> None:
        """Update from a child's event; what an event does not say stays."""
        if isinstance(event, ExamplesDone):
            self.done, self.total, self.unit = event.done, event.total, "examples"
        elif isinstance(event, StepDone):
            self.done, self.total, self.unit = event.step, event.steps, "steps"
            self.loss = self.loss if event.loss is None else event.loss
            self.tokens_per_second = event.tokens_per_second or self.tokens_per_second


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one run. Call `plan` once, then `started`, `progress` and `ended` as they happen."""

    clock: Callable[[], float] = time.monotonic
    total: int = 0
    reused: int = 0
    """Jobs that were cached when the run began."""
    done: int = 0
    failed: int = 0
    running: dict[str, Activity] = field(default_factory=dict)
    scores: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By arm and eval, a score of each subject that is scored in this run."""
    arms_total: int = 0
    _workers: int = 1
    _arm_of: dict[str, str] = field(default_factory=dict)
    _left_of_arm: dict[str, int] = field(default_factory=dict)
    _left_of_group: dict["_JobGroup", int] = field(default_factory=dict)
    _seconds_of_group: dict["_JobGroup", list[float]] = field(default_factory=dict)
    _group_of: dict[str, "_JobGroup"] = field(default_factory=dict)

    def plan(self, plan: Plan) -> None:
        """Count what is to do, and learn from the times of cached jobs."""
        self._workers = plan.workers
        for planned in plan.jobs:
            if not planned.selected:
                continue
            group = _group(planned.job)
            arm = planned.arm or "base"
            self._left_of_arm.setdefault(arm, 0)
            if planned.to_do:
                self.total += 1
                self._arm_of[planned.job.id], self._group_of[planned.job.id] = arm, group
                self._left_of_arm[arm] += 1
                self._left_of_group[group] = self._left_of_group.get(group, 0) + 1
            elif planned.cached is not None:
                self.reused += 1
                self._seconds_of_group.setdefault(group, []).append(planned.cached.seconds)
        self.arms_total = len(self._left_of_arm)

    def dropped(self, job_id: str) -> None:
        """A job that turned out not to be needed."""
        self.total -= 1
        self._left_of_arm[self._arm_of[job_id]] -= 1
        self._left_of_group[self._group_of[job_id]] -= 1

    def started(self, job_id: str) -> Activity:
        """A job's child is being started."""
        self.running[job_id] = Activity(id=job_id, since=self.clock())
        return self.running[job_id]

    def progress(self, job_id: str, event: Event) -> None:
        """An event of a job's child."""
        activity = self.running.get(job_id)
        if activity is not None:
            activity.take(event)

    def ended(self, job_id: str, failure: Failure | None, seconds: float | None, scores: HeadlineScores = ()) -> None:
        """A job is closed; an eval with its subject's scores."""
        self.running.pop(job_id, None)
        self.done += failure is None
        self.failed += failure is not None
        arm, group = self._arm_of.get(job_id), self._group_of.get(job_id)
        if arm is None or group is None:
            return
        for task, value in scores:
            by_eval = self.scores.setdefault(arm, {})
            by_eval.setdefault(group.eval if len(scores) == 1 else f"{group.eval}/{task}", []).append(value)
        self._left_of_arm[arm] -= 1
        self._left_of_group[group] -= 1
        if seconds is not None and failure is None:
            self._seconds_of_group.setdefault(group, []).append(seconds)

    @property
    def arms_done(self) -> int:
        """Arms (the base counts as one) of which nothing is left to do."""
        return sum(left == 0 for left in self._left_of_arm.values())

    @property
    def seconds_left(self) -> float | None:
        """Mean time of each group's ended jobs × those left, over the workers; `None` before each has one. While no
        trained subject has ended an eval, its time is the base's."""
        now, needed = self.clock(), 0.0
        for group, left in self._left_of_group.items():
            if left == 0:
                continue
            times = self._seconds_of_group.get(group) or self._seconds_of_group.get(group.of_others)
            if not times:
                return None
            mean = sum(times) / len(times)
            active = [activity for activity in self.running.values() if self._group_of.get(activity.id) == group]
            needed += left * mean - sum(min(mean, now - activity.since) for activity in active)
        return needed / self._workers


class _JobGroup(NamedTuple):
    """Jobs that take about the same time: all trainings, all probes, each eval of the bases and of the others, whose
    weights take longer to load, and which a held-out loss compares with their base."""

    kind: str
    eval: str = ""
    base: bool = False

    @property
    def of_others(self) -> "_JobGroup":
        """Jobs of this eval that score the other subjects."""
        return _JobGroup(self.kind, self.eval, base=not self.base)


def _group(job: Job) -> _JobGroup:
    if job.kind != "eval":
        return _JobGroup(job.kind)
    return _JobGroup("eval", job.eval.name, base=job.training is None and job.given is None)
