"""Jobs that train: one seed replicate, one learning rate of a sweep, or the first steps for an arm's speed."""

from typing import Literal, Self

from pydantic import model_validator

from bench.spec import Spec
from bench.suite.resolved import ProgramFile, ResolvedData, ResolvedModel
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.evaluate_at import StepPlan
from bench.suite.tables.training.recipe import Recipe
from bench.suite.tables.training.sweep import Setting, setting_label


class Candidate(Spec):
    """One training of a sweep, for the trainings that wait for the choice."""

    setting: Setting
    digest: str
    """Digest of its `SweepJob`."""
    path: str
    """Folder of that job; not part of any digest."""


class KeepBest(Spec):
    """How the step is chosen whose weights a training keeps."""

    scored_by: str
    """Digest of the `EvalJob` that scores one step, of `PlannedTraining`; it covers the code of that eval."""
    patience: int | None
    """Evaluations in a row without a better score, after which the training ends."""


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
    log_every: int = 1
    """Steps between these reports. Not in the digest."""
    evaluated: StepPlan | None = None
    """Steps whose weights are stored beside the last ones; `None`: of none."""
    keep_best: KeepBest | None = None
    """`None`: the last weights are kept, or those that the recipe's validation chooses."""
    program: tuple[ProgramFile, ...] = ()
    """Files that another program trains with: of the recipe's command, or the list of what unsloth's environment
    has."""
    candidates: tuple[Candidate, ...] = ()
    """Trainings of the recipe's sweep; the recipe has the sweep until the job starts."""
    planned_by: str | None = None
    """Digest of the code and libraries that plan a training's steps: what they worked out is kept under it for other
    jobs. `None`: it is kept for nobody. Not in the digest, which covers both."""

    @model_validator(mode="after")
    def _nothing_left_to_defaults(self) -> Self:
        if self.recipe != self.recipe.with_defaults(self.model.lora_target_modules):
            raise ValueError("the job's recipe leaves a table to defaults: complete it by Recipe.with_defaults")
        return self

    @property
    def id(self) -> str:
        """`train:ARM#SEED`."""
        return f"train:{self.arm}#{self.seed}"

    def from_base(self) -> Self:
        """The job without a warm start, which is as fast and needs no other training."""
        return self.model_copy(update={"model": self.model.model_copy(update={"starts": ()})})

    def with_setting(self, setting: Setting) -> Self:
        """The job with one setting of its sweep, and nothing left to choose."""
        return self.model_copy(update={"recipe": self.recipe.with_setting(setting), "candidates": ()})


class SweepJob(Spec):
    """Train one arm with one setting of its sweep, without the dev rows, and take the loss on the dev rows."""

    kind: Literal["sweep"] = "sweep"
    training: TrainJob
    """Training with that setting."""
    setting: Setting
    dev: ResolvedData
    digest: str

    @property
    def id(self) -> str:
        """`sweep:ARM=SETTING`."""
        return f"sweep:{self.training.arm}={setting_label(self.setting)}"


class ProbeJob(Spec):
    """Time the first steps of one arm's training alone on the machine, once in each round."""

    kind: Literal["probe"] = "probe"
    training: TrainJob
    steps: int
    round: int = 1
    with_largest_pass: bool = False
    """Whether the largest pass behind the first step is in the second: a plan's memory is that of such a probe."""
    digest: str

    @property
    def id(self) -> str:
        """`probe:ARM`, in later rounds `probe:ARM#ROUND`."""
        return f"probe:{self.training.arm}" + (f"#{self.round}" if self.round > 1 else "")

    @property
    def takes_turns(self) -> bool:
        """Whether it can be prepared beside others, and wait for its turn: the ranks of several processes would wait in
        each other's time limits."""
        return self.training.recipe.processes == 1
