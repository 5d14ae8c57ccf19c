"""A suite whose inputs are pinned."""

from typing import Literal

from pydantic import Field

from bench.spec import Spec
from bench.suite.resolved import (
    PrecisionChoice,
    ProgramFile,
    ResolvedData,
    ResolvedJudge,
    ResolvedModel,
    ResolvedWeights,
)
from bench.suite.tables.arms.arms import BASE, ArmRef
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.suite import Suite


class ResolvedSuite(Spec):
    """What will run, complete."""

    suite: Suite
    profile: str | None
    overrides: tuple[str, ...]
    """`--set` arguments as given."""
    model: ResolvedModel
    """The base; the first of several."""
    models: dict[str, ResolvedModel] = Field(default_factory=dict)
    """All bases by name, where the suite has several."""
    data: dict[str, ResolvedData]
    """By data name; an eval's own data under `eval:NAME`, answers to compare with under `eval:NAME~reference`,
    its rows at the last planned look under `eval:NAME~max_examples`; what a
    sweep trains on and chooses by under `sweep:DATA~ON` and `dev:DATA~ON`."""
    tasks_sha256: dict[str, str]
    """Per lm_eval eval with a task folder: hash of that folder's files."""
    tasks_path: dict[str, str]
    """Per lm_eval eval with a task folder: that folder, absolute. Not part of any digest."""
    task_answers: dict[str, int] = Field(default_factory=dict)
    """By eval, the tokens of the longest answer that its task files ask for, where they say so."""
    given: dict[str, tuple[ResolvedWeights, ...]] = Field(default_factory=dict)
    """Per arm that was trained elsewhere: each of its trainings."""
    programs: dict[str, tuple[ProgramFile, ...]] = Field(default_factory=dict)
    """Per recipe that trains by a command of the user's own: the files of that command."""
    judges: dict[str, ResolvedJudge] = Field(default_factory=dict)
    """Per judge eval."""
    precisions: dict[str, PrecisionChoice] = Field(default_factory=dict)
    """By the hash of its base: precision of recipes that leave it to `auto`, where it was measured."""

    def precision_of(self, arm: ArmRef) -> Precision | Literal["auto"]:
        """Precision that `arm` trains in; `auto`: the device's own, which its process knows."""
        named = self.suite.recipe[arm.recipe].precision
        choice = self.precisions.get(self.base_of(arm).sha256)
        return named if named != "auto" or choice is None or choice.precision == "fp32" else choice.precision

    def training_precisions(self) -> set[Precision | Literal["auto"]]:
        """Precisions of all arms that train."""
        return {self.precision_of(arm) for arm in self.suite.expand() if self.suite.trains(arm)}

    def eval_precision(self) -> Precision | Literal["auto"]:
        """One precision for all subjects: the suite's; else that of the trainings where they agree, or the device's
        own."""
        if self.suite.evaluation.precision != "auto":
            return self.suite.evaluation.precision
        used = self.training_precisions()
        return used.pop() if len(used) == 1 else "auto"

    def base_of(self, arm: ArmRef) -> ResolvedModel:
        """What `arm` trains."""
        return self.model if arm.model is None else self.models[arm.model]

    def bases(self) -> dict[str, ResolvedModel]:
        """The models behind `base`, or behind each `base@MODEL`."""
        return {f"{BASE}@{name}": model for name, model in self.models.items()} or {BASE: self.model}
