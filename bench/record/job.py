"""What one child process is asked to do. Written as `job.json`; everything that can change the result is in `digest`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bench.spec import Spec
from bench.suite.evals import EvalSpec
from bench.suite.recipe import Budget, Recipe
from bench.suite.resolved import ResolvedData, ResolvedModel


class TrainJob(Spec):
    """Train one arm with one seed."""

    kind: Literal["train"] = "train"
    arm: str
    seed: int
    model: ResolvedModel
    data: ResolvedData
    recipe: Recipe
    budget: Budget
    threads: int
    digest: str
    steps_between_saves: int | None = None
    """Not in the digest: a resumed training ends as an uninterrupted one."""

    @property
    def id(self) -> str:
        """`train:ARM#SEED`."""
        return f"train:{self.arm}#{self.seed}"


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


class EvalJob(Spec):
    """Score one subject on one eval."""

    kind: Literal["eval"] = "eval"
    subject: str
    """`base` or `ARM#SEED`."""
    eval: EvalSpec
    model: ResolvedModel
    data: ResolvedData | None
    """Rows of a loss eval."""
    tasks_path: str | None
    """Folder of task files, absolute; not part of the digest, its content is."""
    training: str | None
    """Digest of the training whose weights are scored; `None` for the base."""
    training_path: str | None
    """That training's folder; not part of the digest."""
    precision: Literal["fp32", "bf16", "fp16", "auto"]
    """One for all subjects of a run."""
    trust_task_code: bool = False
    """Whether task files from outside this program and lm-eval may run Python. Not in the digest."""
    threads: int
    digest: str

    @property
    def id(self) -> str:
        """`eval:NAME:SUBJECT`."""
        return f"eval:{self.eval.name}:{self.subject}"


Job = Annotated[TrainJob | ProbeJob | EvalJob, Field(discriminator="kind")]
job_adapter: TypeAdapter[Job] = TypeAdapter(Job)
