"""What each training changes of its base, as its subject is evaluated: trained here or elsewhere alike.

Contract: pure functions of the record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from bench.record.record import Record
from bench.record.results.training.applied import Applied, HeldOutDrift, LayerGroup, WeightsCheck
from bench.report.analysis.run_facts.subjects import planned_arms

Update: TypeAlias = Applied
GroupUpdate: TypeAlias = LayerGroup
HeldOutUpdate: TypeAlias = HeldOutDrift

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
    held_out: HeldOutUpdate | None
    """Drift on the rows of the suite's first held-out loss; `None` where it has none."""
    rounding: float
    """Difference between the losses of `check` that rounding explains, in nats per token."""

    @property
    def with_effect(self) -> int | None:
        """Matrices that differ from the base's, of those that the training was to change; `None` where it changes
        none, and something beside them changes the output."""
        if self.applied is None or not self.applied.groups:
            return None
        return self.applied.expected - self.applied.without_effect

    @property
    def as_trained(self) -> bool:
        """Whether the subject has the loss that was trained, as far as is known."""
        return self.check is None or abs(self.check.as_evaluated - self.check.as_trained) <= self.rounding


def applied_trainings(record: Record) -> tuple[AppliedTraining, ...]:
    """Each training with a check, in the suite's order of arms."""
    order = {arm.name: place for place, arm in enumerate(planned_arms(record))}
    held_out = _held_out(record)
    rows = [
        replace(row, held_out=held_out.get((row.arm, row.seed)))
        for row in (*_trained(record), *_given(record))
        if row.applied is not None or row.check is not None
    ]
    return tuple(sorted(rows, key=lambda row: order.get(row.arm, len(order))))


def _held_out(record: Record) -> dict[tuple[str, int], HeldOutDrift]:
    """By arm and seed, the drift on the first held-out loss that has one."""
    drifts: dict[tuple[str, int], HeldOutDrift] = {}
    for evaluation in record.evaluations:
        drift = None if evaluation.result is None else evaluation.result.drift
        if drift is not None and evaluation.arm is not None and evaluation.seed is not None:
            drifts.setdefault((evaluation.arm, evaluation.seed), drift)
    return drifts


def _trained(record: Record) -> Iterator[AppliedTraining]:
    for training in record.trainings:
        if training.result is not None:
            yield AppliedTraining(
                arm=training.arm,
                seed=training.seed,
                applied=training.result.applied,
                check=training.result.weights_check,
                held_out=None,
                rounding=ROUNDING_LOSS.get(training.result.precision, max(ROUNDING_LOSS.values())),
            )


def _given(record: Record) -> Iterator[AppliedTraining]:
    rounding = ROUNDING_LOSS["fp32" if record.environment.device == "cpu" else "bf16"]
    for given in record.given:
        facts = given.facts
        yield AppliedTraining(
            arm=given.arm,
            seed=given.seed,
            applied=facts.applied,
            check=facts.weights_check,
            held_out=None,
            rounding=rounding,
        )
