"""A training as a run plans it and a child is asked for it.

Contract: the code that trains has `TrainJob` alone: what an eval is asked with is no part of it, and a change there
makes no other training.
"""

from typing import Self

from pydantic import model_validator

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob


class PlannedTraining(TrainJob):
    """A training, with the eval that scores its stored steps where it keeps the best of them."""

    scoring: EvalJob | None = None
    """Scores one step on the dev examples; of the base until a step's folder is filled in."""

    @model_validator(mode="after")
    def _scored_by_what_chooses(self) -> Self:
        chosen_by = None if self.keep_best is None else self.keep_best.scored_by
        if chosen_by != (None if self.scoring is None else self.scoring.digest):
            raise ValueError("keep_best.scored_by is the digest of scoring")
        return self
