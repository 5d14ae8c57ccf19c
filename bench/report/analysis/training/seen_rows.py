"""Training rows as the model saw them: of each arm the first rows of its first finished training."""

from dataclasses import dataclass

from bench.record.record import Record
from bench.record.results.training.seen_row import SeenRow
from bench.report.analysis.run_facts.subjects import planned_arms


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRows:
    """The first rows of one training of an arm."""

    arm: str
    seed: int
    rows: tuple[SeenRow, ...]


def arm_rows(record: Record) -> tuple[ArmRows, ...]:
    """In the suite's order; arms without a finished training, or whose rows were not kept, are left out."""
    first: dict[str, ArmRows] = {}
    for training in record.trainings:
        if training.result is not None and training.result.seen_rows:
            first.setdefault(
                training.arm, ArmRows(arm=training.arm, seed=training.seed, rows=training.result.seen_rows)
            )
    return tuple(first[arm.name] for arm in planned_arms(record) if arm.name in first)
