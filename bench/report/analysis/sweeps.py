"""What each arm's learning-rate sweep found and chose, and what stood in the context of each few-shot subject.

Contract: pure functions of the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.record.evaluation import ShotRow
from bench.record.record import Record, SweepRecord
from bench.record.sweep import chosen_rate
from bench.report.analysis.align import planned_arms


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSweep:
    """One arm's sweep, by ascending rate."""

    arm: str
    entries: tuple[SweepRecord, ...]
    chosen: float | None
    """`None` while a rate has no result, and where every training diverged."""
    edge: Literal["lowest", "highest"] | None
    """Where the chosen rate is at an end of the sweep: a better one may lie beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRows:
    """The rows in the context of one few-shot subject."""

    subject: str
    asked: int
    rows: tuple[ShotRow, ...]

    @property
    def tokens(self) -> int:
        """That they take in every prompt."""
        return sum(row.tokens for row in self.rows)


def arm_sweeps(record: Record) -> tuple[ArmSweep, ...]:
    """One per arm whose recipe sweeps its rate, in the order of the record."""
    return tuple(_sweep(arm, record) for arm in dict.fromkeys(sweep.arm for sweep in record.sweeps))


def contexts(record: Record) -> tuple[ContextRows, ...]:
    """One per few-shot subject with a result, in the suite's order."""
    recipes = record.resolved.suite.recipe
    asked = {arm.name: recipes[arm.recipe].shots or 0 for arm in planned_arms(record)}
    found: dict[str, ContextRows] = {}
    for evaluation in record.evaluations:
        rows = None if evaluation.result is None else evaluation.result.shots
        if rows is not None and evaluation.arm is not None:
            context = ContextRows(subject=evaluation.subject, asked=asked[evaluation.arm], rows=rows)
            found.setdefault(evaluation.subject, context)
    return tuple(found.values())


def _sweep(arm: str, record: Record) -> ArmSweep:
    entries = sorted((sweep for sweep in record.sweeps if sweep.arm == arm), key=lambda sweep: sweep.rate)
    results = [entry.result for entry in entries if entry.result is not None]
    chosen = chosen_rate(results) if len(results) == len(entries) else None
    edges: dict[float, Literal["lowest", "highest"]] = {entries[0].rate: "lowest", entries[-1].rate: "highest"}
    edge = None if chosen is None else edges.get(chosen)
    return ArmSweep(arm=arm, entries=tuple(entries), chosen=chosen, edge=edge)
