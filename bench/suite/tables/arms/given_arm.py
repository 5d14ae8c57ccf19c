"""`[arms.given.NAME]`: what was trained elsewhere, as weights or behind a server, compared like every other arm."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.spec import Count, Name, Spec, looks_like_path
from bench.suite.tables.arms.weights_form import WeightsForm
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.training.adapter import Text

GIVEN = "given"
"""In place of a data name: the arm of `[arms.given.NAME]` is `given/NAME`."""


class GivenArm(Spec):
    """One thing that was trained elsewhere, once or several times."""

    one_of: ClassVar = ("adapter", "weights", "checkpoints", "endpoint")
    file_keys: ClassVar = dict.fromkeys(("adapter", "weights", "checkpoints"), looks_like_path)

    adapter: Text | None = None
    """A PEFT adapter for the suite's base: a folder, relative to the suite file, or a hub id."""
    weights: Text | None = None
    """In place of `adapter`: a whole model of the base's architecture and vocabulary, or its `.gguf` file."""
    checkpoints: Text | None = None
    """In place of both: the checkpoints of a training, such as `"run/checkpoint-*"`, adapters or whole models. Each is
    an arm `given/NAME.STEP`, and the report shows what is gained and forgotten over the steps."""
    endpoint: EndpointSpec | None = None
    """In place of all three: a model behind an OpenAI-compatible server, `{ base_url = "…", model = "…" }`, for evals
    that the models answer in text."""
    trajectory: Name | None = None
    """Name of the training that this is a checkpoint of, after `step` optimiser steps; `checkpoints` says both."""
    step: Count | None = None
    """Optimiser steps after which the checkpoint of `trajectory` was saved."""
    seeds: tuple[Text, ...] = Field(default=(), max_length=1000)
    """Several trainings of one thing: subfolders of the folder, such as `["run1", "run2"]`; they are the arm's seeds.
    Left out: one training, and no training noise can be estimated. With `checkpoints = "runs/checkpoint-*"` the
    folders that hold the checkpoints: `runs/run1/checkpoint-100`."""
    model: Name | None = None
    """Which of several `[models]` it belongs to."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if not self.has_one():
            what = (
                'give adapter = "FOLDER", weights = "FOLDER", checkpoints = "FOLDER/checkpoint-*" or endpoint = { … }'
            )
            raise ValueError(what + (", not both" if any(getattr(self, form) for form in self.one_of) else ""))
        if self.endpoint is not None and (self.seeds or self.step is not None):
            raise ValueError("an endpoint is one model: it has neither seeds nor a step")
        if (self.trajectory is None) != (self.step is None):
            raise ValueError("trajectory and step go together")
        if self.checkpoints is not None and self.step is not None:
            raise ValueError("checkpoints names the trajectory and its steps by itself: remove trajectory and step")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds names a folder twice: one training is not two")
        return self

    @property
    def form(self) -> WeightsForm:
        """What its folders hold."""
        return "adapter" if self.adapter is not None else "weights"

    @property
    def sources(self) -> tuple[str, ...]:
        """The folder of each training, in the order of the arm's seeds; none of an endpoint."""
        if self.endpoint is not None:
            return ()
        folder = self.adapter or self.weights or ""
        return tuple(f"{folder.rstrip('/')}/{seed}" for seed in self.seeds) or (folder,)

    @property
    def trainings(self) -> int:
        """Number of its trainings; an endpoint is one."""
        return max(1, len(self.sources))
