"""Each arm's sweep with its choice, and the rows in the context of each few-shot subject.

Contract: pure functions of the record.
"""

from dataclasses import dataclass
from typing import Any, Literal

from bench.record.record import Record, SweepRecord
from bench.record.results.evals.evaluation import ShotRow
from bench.record.sweep import chosen_setting
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.suite.tables.training.sweep import DEV, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepTrial:
    """One setting of an arm's sweep. Counts are `None` where it has no result."""

    setting: Setting
    loss: float | None
    """Per supervised token of the dev rows, in nats; `None` if the training diverged, or without a result."""
    absent: str | None
    """Why it has no result: a `FailureKind`, or `pending`; `None` where it has one."""
    dev_rows: int | None = None
    training_rows: int | None = None
    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSweep:
    """One arm's sweep; of one key of numbers in ascending order."""

    arm: str
    seed: int
    """Seed of every training of the sweep."""
    on: str
    """Where the dev rows come from: `dev`, a part of the arm's own training data, or the name of a data table."""
    trials: tuple[SweepTrial, ...]
    chosen: Setting | None
    """`None` while a setting has no result, and where every training diverged."""
    edge: Literal["lowest", "highest"] | None
    """Where the chosen value is at an end of a sweep of one key of numbers: a better one may be outside the sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRows:
    """The rows in the context of one few-shot subject."""

    subject: str
    asked: int
    rows: tuple[ShotRow, ...]

    @property
    def tokens(self) -> int:
        """Tokens of the rows in every prompt."""
        return sum(row.tokens for row in self.rows)


def arm_sweeps(record: Record) -> tuple[ArmSweep, ...]:
    """One per arm whose recipe has a sweep, in the order of the record."""
    return tuple(_sweep(arm, record) for arm in dict.fromkeys(sweep.arm for sweep in record.sweeps))


def contexts(record: Record) -> tuple[ContextRows, ...]:
    """One per few-shot subject with a result, in the suite's order."""
    recipes = record.resolved.suite.recipe
    shots = {arm.name: recipes[arm.recipe].shots or 0 for arm in planned_arms(record) if not arm.is_given}
    by_subject: dict[str, ContextRows] = {}
    for evaluation in record.evaluations:
        rows = None if evaluation.result is None else evaluation.result.shots
        if rows is not None and evaluation.arm is not None:
            context = ContextRows(subject=evaluation.subject, asked=shots[evaluation.arm], rows=rows)
            by_subject.setdefault(evaluation.subject, context)
    return tuple(by_subject.values())


def _sweep(arm: str, record: Record) -> ArmSweep:
    entries = [sweep for sweep in record.sweeps if sweep.arm == arm]
    ordered = len(entries[0].setting) == 1 and all(isinstance(_value(entry), int | float) for entry in entries)
    if ordered:
        entries.sort(key=_value)
    results = [entry.result for entry in entries if entry.result is not None]
    chosen = chosen_setting(results) if len(results) == len(entries) else None
    edge: Literal["lowest", "highest"] | None = None
    if ordered and chosen is not None and chosen in (entries[0].setting, entries[-1].setting):
        edge = "lowest" if chosen == entries[0].setting else "highest"
    return ArmSweep(
        arm=arm,
        seed=record.resolved.suite.seeds[0],
        on=_rows_to_choose_by(arm, record),
        trials=tuple(_trial(entry) for entry in entries),
        chosen=chosen,
        edge=edge,
    )


def _rows_to_choose_by(arm: str, record: Record) -> str:
    recipes = record.resolved.suite.recipe
    sweeps = [
        recipes[ref.recipe].sweep for ref in record.resolved.suite.expand() if ref.name == arm and not ref.is_given
    ]
    return next((sweep.on for sweep in sweeps if sweep is not None), DEV)


def _value(entry: SweepRecord) -> Any:
    """The value of a sweep's one key."""
    return next(iter(entry.setting.values()))


def _trial(entry: SweepRecord) -> SweepTrial:
    result, failure = entry.result, entry.job.failure
    if result is None:
        return SweepTrial(setting=entry.setting, loss=None, absent="pending" if failure is None else failure.kind)
    return SweepTrial(
        setting=entry.setting,
        loss=result.loss,
        absent=None,
        dev_rows=result.dev_rows,
        training_rows=result.training_rows,
        tokens=result.tokens,
        seconds=result.seconds,
    )
