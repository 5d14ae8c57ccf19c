"""`[evaluate_at]`: steps at which trainings are evaluated on dev examples, and the step whose weights an arm keeps."""

import math
import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from bench.spec import Count, Name, Spec

_KEEP = re.compile(r"^best on (?P<eval>\S+)$")
DEV_EXAMPLE_SHARE = 0.2
"""Share of an eval's examples that the steps are scored on, by default."""


class Target(Spec):
    """A score that a training is to reach: what it took is a cost that claims may name."""

    eval: Name
    """One of `evaluate_at.evals`."""
    value: float
    """Score on the dev examples: reached at the first step with this much, or, of a loss, this little."""


class EvaluateAt(Spec):
    """Scores of every training over its steps, on examples that no reported score reads."""

    steps: Annotated[int, Field(gt=0, le=1000)] | None = None
    """Evaluations of each training, at equal distances, the last step among them; default: 8."""
    every: Count | None = None
    """In place of `steps`: optimiser steps from one evaluation to the next; the last step is always among them."""
    evals: tuple[Name, ...] = Field(min_length=1)
    """Names of evals with scores of their own (not `judge` or `questions`)."""
    on: Literal["dev"] = "dev"
    """Dev examples: a part of each of these evals, drawn by content; the eval's own scores are of the others, the test
    examples, for every arm and the base."""
    dev_share: float = Field(default=DEV_EXAMPLE_SHARE, gt=0, lt=1)
    """Share of the examples of each of these evals that are dev examples, about; at least one."""
    keep: str = "last"
    """Weights that an arm's other evals score: `last`, or `best on EVAL`: of the step with the best dev score, chosen
    for each seed; of equal scores the earliest step."""
    patience: Count | None = None
    """With `keep = "best on EVAL"`: end a training after so many evaluations in a row without a better dev score."""
    target: Target | None = None
    """`{ eval = "NAME", value = 0.6 }`: tokens and seconds until a dev score is reached, the costs
    `cost:tokens_to_target` and `cost:seconds_to_target`."""

    @field_validator("keep")
    @classmethod
    def _last_or_best(cls, keep: str) -> str:
        if keep != "last" and _KEEP.match(keep) is None:
            raise ValueError('write keep = "last" or keep = "best on EVAL"')
        return keep

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.steps is not None and self.every is not None:
            raise ValueError("give steps, a number of evaluations, or every, a distance in steps: not both")
        if self.patience is not None and self.keep_eval is None:
            raise ValueError('patience needs keep = "best on EVAL", whose scores it waits for')
        return self

    @property
    def keep_eval(self) -> str | None:
        """The eval by whose dev scores the kept step is chosen; `None`: the last step is kept."""
        match = _KEEP.match(self.keep)
        return None if match is None else match["eval"]

    @property
    def plan(self) -> "StepPlan":
        """When a training is evaluated."""
        return StepPlan(every=self.every) if self.every is not None else StepPlan(times=self.steps or 8)


class StepPlan(Spec):
    """Optimiser steps of a training after which its weights are stored for evaluation: by number or by distance."""

    times: int | None = None
    every: int | None = None

    def of(self, steps: int) -> tuple[int, ...]:
        """The steps, ascending, of a training of `steps`; its last one always."""
        if self.every is not None:
            return tuple(dict.fromkeys((*range(self.every, steps + 1, self.every), steps)))
        times = min(self.times or 1, steps)
        return tuple(math.ceil(number * steps / times) for number in range(1, times + 1))
