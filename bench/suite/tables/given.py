"""`[arms.given.NAME]`: weights that were trained elsewhere, compared like every other arm."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.spec import Name, Spec
from bench.suite.tables.adapter import Text

GIVEN = "given"
"""In place of a data name: the arm of `[arms.given.NAME]` is `given/NAME`."""

WeightsForm = Literal["adapter", "weights"]


class GivenArm(Spec):
    """One thing that was trained elsewhere, once or several times."""

    adapter: Text | None = None
    """A PEFT adapter for the suite's base: a folder, relative to the suite file, or a hub id."""
    weights: Text | None = None
    """In place of `adapter`: a whole model of the base's architecture and vocabulary."""
    seeds: tuple[Text, ...] = Field(default=(), max_length=1000)
    """Several trainings of one thing: subfolders of the folder, such as `["run1", "run2"]`; they are the arm's seeds.
    Left out: one training, and no training noise can be estimated."""
    model: Name | None = None
    """Which of several `[models]` it belongs to."""

    @model_validator(mode="after")
    def _one_form(self) -> GivenArm:
        if (self.adapter is None) == (self.weights is None):
            raise ValueError('give adapter = "FOLDER" or weights = "FOLDER"' + (", not both" if self.adapter else ""))
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds names a folder twice: one training is not two")
        return self

    @property
    def form(self) -> WeightsForm:
        """What its folders hold."""
        return "adapter" if self.adapter is not None else "weights"

    @property
    def sources(self) -> tuple[str, ...]:
        """The folder of each training, in the order of the arm's seeds."""
        folder = self.adapter or self.weights or ""
        return tuple(f"{folder.rstrip('/')}/{seed}" for seed in self.seeds) or (folder,)
