"""What happened in each training: what the machine resolved, why it ended, how the held-out rows went, what was kept.

Contract: pure functions of the record. What no finished training can tell is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.record.record import Record, TrainingRecord
from bench.record.results.training.result import TrainResult, ValidationPoint
from bench.report.analysis.run_facts.subjects import planned_arms, trainings_of
from bench.report.analysis.training.costs.cost import used_of
from bench.suite.tables.training.budget import Budget

StopReason = Literal["budget", "early", "seconds", "diverged"]
"""Why a training ended: its budget was spent, the validation loss or a dev score no longer improved, its seconds were
over, or it diverged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTraining:
    """One training that is done."""

    arm: str
    seed: int
    ending: StopReason
    steps: int
    budget: Budget
    unspent: float | None
    """Share of the budget that was not used, from 0 to 1; `None` where it was not counted."""
    tail_loss: float | None
    """Mean per supervised token over the last steps, in nats; as in `TrainResult`."""
    validation_rows: int
    evaluations: int
    best: ValidationPoint | None
    """The lowest validation loss, of equal ones the earliest; `None` without a finite one."""
    last: ValidationPoint | None
    kept_step: int
    """The step whose weights were saved."""

    @property
    def subject(self) -> str:
        """`ARM#SEED`."""
        return f"{self.arm}#{self.seed}"


def endings(record: Record) -> tuple[FinishedTraining, ...]:
    """All trainings with a result, in the suite's order."""
    by_arm = {
        arm.name: record.resolved.suite.budget_of(arm)
        for arm in planned_arms(record)
        if record.resolved.suite.trains(arm)
    }
    return tuple(
        _ended(training, training.result, budget)
        for arm, budget in by_arm.items()
        for training in trainings_of(record, arm)
        if training.result is not None
    )


def _ended(training: TrainingRecord, result: TrainResult, budget: Budget) -> FinishedTraining:
    scored = [(point.loss, point.step) for point in result.validation if point.loss is not None]
    best = min(scored, default=None)
    used = used_of(result.ledger, budget.unit)
    return FinishedTraining(
        arm=training.arm,
        seed=training.seed,
        ending="diverged" if result.diverged else result.stopped,
        steps=len(result.steps),
        budget=budget,
        unspent=None if used is None else max(0.0, 1.0 - used / budget.amount),
        tail_loss=result.tail_loss,
        validation_rows=result.validation_rows,
        evaluations=len(result.validation),
        best=None if best is None else ValidationPoint(step=best[1], loss=best[0]),
        last=result.validation[-1] if result.validation else None,
        kept_step=len(result.steps) if result.kept_step is None else result.kept_step,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the trainings ran with, where a recipe left it open or a machine decided."""

    common: Mapping[str, str]
    """Settings that are equal in every training."""
    varying: tuple[str, ...]
    """Names of the settings that differ."""
    by_arm: Mapping[str, Mapping[str, str]]
    """Values of the others by arm; several of them where the arm's seeds differ."""


def settings(record: Record) -> Settings:
    """Names in the order in which they first come up; an arm lacks what none of its trainings recorded."""
    by_arm: dict[str, list[dict[str, str]]] = {}
    for arm in planned_arms(record):
        results = [t.result for t in trainings_of(record, arm.name) if t.result is not None]
        if results:
            by_arm[arm.name] = [_facts(result) for result in results]
    every = [facts for per_seed in by_arm.values() for facts in per_seed]
    names = tuple(dict.fromkeys(name for facts in every for name in facts))
    common = {name: every[0][name] for name in names if len({facts.get(name) for facts in every}) == 1}
    varying = tuple(name for name in names if name not in common)
    return Settings(
        common=common, varying=varying, by_arm={arm: _joined(per_seed, varying) for arm, per_seed in by_arm.items()}
    )


def _facts(result: TrainResult) -> dict[str, str]:
    facts = {"precision": result.precision, "device": result.device, **result.resolved, "template": result.template}
    return facts if result.head is None else {**facts, "head": result.head}


def _joined(per_seed: list[dict[str, str]], names: tuple[str, ...]) -> dict[str, str]:
    values = {name: dict.fromkeys(facts[name] for facts in per_seed if name in facts) for name in names}
    return {name: "; ".join(texts) for name, texts in values.items() if texts}
