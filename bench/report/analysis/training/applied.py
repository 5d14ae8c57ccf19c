"""What each training changes of its base, as its subject is evaluated: trained here or elsewhere alike.

Contract: pure functions of the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bench.record.record import Record
from bench.record.results.applied import Applied, LayerGroup, WeightsCheck
from bench.report.analysis.run_facts.subjects import planned_arms

Update: TypeAlias = Applied
GroupUpdate: TypeAlias = LayerGroup

ROUNDING_LOSS = {"fp32": 0.02, "bf16": 0.1, "fp16": 0.1}
"""Largest difference in nats per token, by precision, that storing and merging weights makes by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTraining:
    """One training's subject beside its base."""

    arm: str
    seed: int
    """Seed, or the position of a training that was made elsewhere among the arm's trainings."""
    applied: Update | None
    """`None`: not measured, for want of memory or because the weights were sharded."""
    check: WeightsCheck | None
    """`None`: a whole model from elsewhere, of which only what is evaluated is known."""
    rounding: float
    """Difference between the losses of `check` that rounding explains, in nats per token."""

    @property
    def as_trained(self) -> bool:
        """Whether the subject has the loss that was trained, as far as is known."""
        return self.check is None or abs(self.check.as_evaluated - self.check.as_trained) <= self.rounding


def applied_trainings(record: Record) -> tuple[AppliedTraining, ...]:
    """Each training with a check, in the suite's order of arms."""
    order = {arm.name: place for place, arm in enumerate(planned_arms(record))}
    rows = [row for row in (*_trained(record), *_given(record)) if row.applied is not None or row.check is not None]
    return tuple(sorted(rows, key=lambda row: order.get(row.arm, len(order))))


def _trained(record: Record) -> Iterator[AppliedTraining]:
    for training in record.trainings:
        if training.result is not None:
            yield AppliedTraining(
                arm=training.arm,
                seed=training.seed,
                applied=training.result.applied,
                check=training.result.weights_check,
                rounding=ROUNDING_LOSS.get(training.result.precision, max(ROUNDING_LOSS.values())),
            )


def _given(record: Record) -> Iterator[AppliedTraining]:
    rounding = ROUNDING_LOSS["fp32" if record.environment.device == "cpu" else "bf16"]
    for given in record.given:
        facts = given.facts
        yield AppliedTraining(
            arm=given.arm, seed=given.seed, applied=facts.applied, check=facts.weights_check, rounding=rounding
        )
