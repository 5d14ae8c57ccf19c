"""How the trainings of each arm ended: a training that failed or diverged is an outcome of the arm's recipe.

Contract: pure functions of the record.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.record import Record, TrainingRecord
from bench.report.analysis.run_facts.subjects import planned_arms, trainings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOutcome:
    """The trainings of one arm. lost: trainings without usable weights, by a `FailureKind` or `pending`."""

    arm: str
    trainings: int
    lost: Mapping[str, int]

    @property
    def finished(self) -> int:
        """Trainings with usable weights."""
        return self.trainings - sum(self.lost.values())

    @property
    def unseen_failures(self) -> float | None:
        """The largest rate of failing trainings that would leave none among so many with a probability of 5%; `None`
        where one failed."""
        return None if self.lost else 1.0 - 0.05 ** (1.0 / self.trainings)


def training_outcomes(record: Record) -> tuple[ArmOutcome, ...]:
    """One per arm that trains, in the suite's order."""
    outcomes = []
    for arm in planned_arms(record):
        trainings = trainings_of(record, arm.name)
        if trainings:
            lost = Counter(kind for training in trainings if (kind := _lost(training)) is not None)
            outcomes.append(ArmOutcome(arm=arm.name, trainings=len(trainings), lost=dict(lost)))
    return tuple(outcomes)


def _lost(training: TrainingRecord) -> str | None:
    """Why a training has no usable weights; `None` where it has."""
    if training.job.failure is not None:
        return training.job.failure.kind
    if training.result is None:
        return "pending"
    return "diverged" if training.result.diverged else None
