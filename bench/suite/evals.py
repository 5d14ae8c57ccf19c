"""What is evaluated: one class per kind of eval, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bench.spec import Count, Name, Spec
from bench.suite.data import DataSpec

Role = Literal["target", "retention", "diagnostic"]


class LmEvalSpec(Spec):
    """`kind = "lm_eval"`: tasks of lm-eval by name, its own or from a folder of task files."""

    kind: Literal["lm_eval"]
    name: Name
    tasks: tuple[str, ...] = Field(min_length=1)
    include: str | None = None
    """Folder of task files, relative to the suite file; lm-eval's own index is then not built."""
    num_fewshot: int | None = Field(default=None, ge=0, le=1000)
    limit: Count | None = None
    """Only the first examples of each task: for trying out; recorded and shown."""
    metric: str | None = None
    """Headline metric; default: the first that the task lists."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    role: Role = "target"


class LossSpec(Spec):
    """`kind = "loss"`: held-out negative log-likelihood per supervised token. A diagnostic, not a ranking."""

    kind: Literal["loss"]
    name: Name
    data: DataSpec
    role: Role = "diagnostic"


EvalSpec = Annotated[LmEvalSpec | LossSpec, Field(discriminator="kind")]
