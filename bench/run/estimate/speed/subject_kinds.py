"""Kinds of subjects, by what a process loads for them: a base, all weights, an adapter of some method.

Contract: subjects of one kind take about the same time to load and to compare with their base.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.plan.types import Plan, PlannedJob
from bench.run.process.payloads import StandIn
from bench.suite.tables.arms.weights_form import WeightsForm

BASE: Literal["base"] = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKind:
    """Subjects of one base that are loaded alike."""

    name: str
    """`base`, the method of their recipe, or how they are given."""
    training: TrainJob | None
    """A training that makes one; `None` of a base, and of weights that are there."""
    evals: tuple[PlannedJob, ...]
    """All evals of them that load one."""

    @property
    def job(self) -> EvalJob:
        """The first eval of one of them."""
        return self.job_that(compares=False)

    def job_that(self, *, compares: bool) -> EvalJob:
        """An eval of one of them, if possible one that compares it with its base, or does not."""
        jobs = [job for planned in self.evals if (job := planned.eval_job) is not None]
        return next((job for job in jobs if (job.eval.kind == "loss") is compares), jobs[0])

    @property
    def subjects(self) -> int:
        """How many there are."""
        return len({planned.eval_job.subject for planned in self.evals if planned.eval_job is not None})

    @property
    def to_load(self) -> int:
        """How many a run has to load."""
        to_do = [planned.eval_job for planned in self.evals if planned.to_do]
        return len({job.subject for job in to_do if job is not None})

    @property
    def to_compare(self) -> int:
        """How many evals a run has to do that compare one with its base."""
        if self.name == BASE:
            return 0
        to_do = [planned.eval_job for planned in self.evals if planned.to_do]
        return sum(job is not None and job.eval.kind == "loss" for job in to_do)


def loads_apart(job: EvalJob) -> bool:
    """Whether the load of the eval's subject is told apart from the eval: other evals of it need none."""
    return job.form is None and job.weights is not None


def kind_name(method: str | None, given: WeightsForm | None) -> str:
    """Name of the kind. method: of the training's recipe. given: form of weights from elsewhere."""
    return BASE if method is None and given is None else method or f"given {given}"


def stand_ins(kinds: Sequence[SubjectKind]) -> list[StandIn]:
    """What stands in for one subject of each kind. The first that evals compare with its base is compared: the others
    take as long."""
    found = list[StandIn]()
    for kind in kinds:
        compares = kind.name != BASE and not any(one.compared for one in found)
        found.append(StandIn(job=kind.job_that(compares=compares), training=kind.training))
    return found


def subject_kinds(planned: Plan, trainings: Mapping[str, TrainJob]) -> list[SubjectKind]:
    """Kinds of a plan's subjects, the bases first. trainings: by arm."""
    kinds: dict[tuple[str, str], list[PlannedJob]] = {}
    for entry in planned.jobs:
        job = entry.eval_job
        if job is None or not loads_apart(job) or not entry.selected or entry.stuck:
            continue
        training = None if job.training is None else trainings.get(entry.arm or "")
        method = None if training is None else training.recipe.method
        name = kind_name(method, None if job.given is None else job.given.form)
        kinds.setdefault((job.model.sha256, name), []).append(entry)
    ordered = sorted(kinds.items(), key=lambda item: item[0][1] != BASE)
    return [
        SubjectKind(name=name, training=trainings.get(evals[0].arm or ""), evals=tuple(evals))
        for (_, name), evals in ordered
    ]
