"""What the evaluation of a training's stored steps brought back."""

from typing import Literal

from bench.record.results.evals.evaluation import Measure
from bench.spec import Spec


class StepScore(Spec):
    """One step of a training on the dev examples. `step-STEP.jsonl` holds a `ScoreRow` per example, without texts."""

    step: int
    """Optimiser steps; 0 for a base."""
    measures: tuple[Measure, ...]
    seconds: float
    """In scoring; 0 where the training had scored it to choose the kept step."""

    @property
    def value(self) -> float | None:
        """Headline score, over several tasks their mean; `None` where a task has none."""
        return headline(self.measures)


class TrajectoryResult(Spec):
    """One subject on the dev examples of one eval, by ascending step."""

    kind: Literal["trajectory"] = "trajectory"
    points: tuple[StepScore, ...]


def headline(measures: tuple[Measure, ...]) -> float | None:
    """The mean of the tasks' headline values; `None` where one has none."""
    values = [measure.value for measure in measures if measure.headline]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def step_scores_file(step: int) -> str:
    """File of the step's scores in the job's folder."""
    return f"step-{step}.jsonl"
