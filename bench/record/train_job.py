"""Jobs that train: one seed replicate, one learning rate of a sweep, or the first steps for an arm's speed."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from bench.spec import Spec
from bench.suite.recipe import Budget, Recipe
from bench.suite.resolved import ResolvedData, ResolvedModel


class Candidate(Spec):
    """One training of a learning-rate sweep, as those see it that wait for the choice."""

    rate: float
    digest: str
    """Digest of its `SweepJob`."""
    path: str
    """Folder of that job; not part of any digest."""


class TrainJob(Spec):
    """Train one arm with one seed."""

    kind: Literal["train"] = "train"
    arm: str
    seed: int
    model: ResolvedModel
    data: ResolvedData
    recipe: Recipe
    """With its defaults: the adapter's table and quantisation are part of the job."""
    budget: Budget
    threads: int
    digest: str
    steps_between_saves: int | None = None
    """Not in the digest: a resumed training ends as an uninterrupted one."""
    track: tuple[str, ...] = ()
    """Trackers to report to while training. Not in the digest."""
    candidates: tuple[Candidate, ...] = ()
    """Trainings of the sweep that chooses the learning rate; the recipe has the sweep until the job starts."""

    @model_validator(mode="after")
    def _nothing_left_to_defaults(self) -> TrainJob:
        if self.recipe != self.recipe.with_defaults(self.model.lora_target_modules):
            raise ValueError("the job's recipe leaves a table to defaults: complete it by Recipe.with_defaults")
        return self

    @property
    def id(self) -> str:
        """`train:ARM#SEED`."""
        return f"train:{self.arm}#{self.seed}"

    def with_rate(self, rate: float) -> TrainJob:
        """The job with one learning rate and nothing left to choose."""
        recipe = self.recipe.model_copy(update={"learning_rate": rate})
        return self.model_copy(update={"recipe": recipe, "candidates": ()})


class SweepJob(Spec):
    """Train one arm at one learning rate of its sweep, without the dev rows, and take the loss on those."""

    kind: Literal["sweep"] = "sweep"
    training: TrainJob
    """With one rate."""
    dev: ResolvedData
    digest: str

    @property
    def id(self) -> str:
        """`sweep:ARM=RATE`."""
        return f"sweep:{self.training.arm}={self.training.recipe.rate:g}"


class ProbeJob(Spec):
    """Time the first steps of one arm's training alone on the machine."""

    kind: Literal["probe"] = "probe"
    training: TrainJob
    steps: int
    digest: str

    @property
    def id(self) -> str:
        """`probe:ARM`."""
        return f"probe:{self.training.arm}"
