"""`[decision]`: what the arms are chosen by, stated before anything was run."""

from typing import Annotated

from pydantic import Field

from bench.spec import Spec


class DecisionOptions(Spec):
    """`[decision]`: the report says which arm to take, by the weighted mean of the scores that this table names."""

    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(min_length=1)
    """Weight of each eval (`EVAL`, or `EVAL/TASK` for one of its tasks or groups), targets and what must not be
    forgotten: `{ qa = 2, cloze = 1 }`. Scores count as shares of their metric's scale; where lower is better, they
    count negatively."""
    tolerance: float = Field(default=0.0, ge=0)
    """Difference of the weighted means that would not matter: an arm this close to the best one is as good."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Least probability of being the best arm, or as good, with which the report says to take it."""
