"""A job that scores the stored steps of one training, or its base, on the dev examples of one eval."""

from typing import Literal

from bench.record.jobs.eval_job import EvalJob
from bench.spec import Spec


class TrajectoryJob(Spec):
    """Score every stored step of one training; of a base the base itself, as step 0."""

    kind: Literal["trajectory"] = "trajectory"
    scoring: EvalJob
    """On the dev examples; `training_path` is the training's folder."""
    scored_in_training: bool = False
    """Whether the training scored each step itself, to choose the kept one. Not in the digest: the scores are equal."""
    digest: str

    @property
    def id(self) -> str:
        """`trajectory:NAME:SUBJECT`."""
        return f"trajectory:{self.scoring.eval.name}:{self.scoring.subject}"
