"""What judges found, per eval and arm, and how far they can be trusted.

Contract: pure; counts are sums over seeds. The rate at equal length is fitted to the examples that every seed has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.record.evaluation import ScoreRow
from bench.record.judged import Judged
from bench.record.record import Record
from bench.report.analysis.scores.align import ScoreRows
from bench.report.analysis.scores.deltas import Deltas
from bench.report.analysis.subjects import subjects
from bench.stats import length_control
from bench.stats.length_control import LengthControlled, length_controlled
from bench.suite.tables.judge import LENGTHS, TIE, WIN_RATE
from bench.suite.tables.suite import is_base

_Number = TypeVar("_Number", int, float)
_SUMMED = (
    "wins", "losses", "ties", "flips", "half", "unjudged", "unanswered", "identical", "verdicts", "first_preferred",
    "second_preferred", "unread", "rejected", "asked", "reused", "prompt_tokens", "completion_tokens", "cost",
    "cost_now",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedArm:
    """One arm on one judge eval."""

    eval: str
    arm: str
    against: str
    """An arm, a base, or the source of stored answers."""
    controlled: LengthControlled | None
    """`None` where nothing was scored, or by definition."""
    longer_won: float | None
    """Share of the pairs with a preference and unequal lengths in which the longer answer is preferred."""
    total: Judged
    """Counts and costs summed over seeds; the rest as of the first."""

    @property
    def ties(self) -> int:
        """No preference, or the same text."""
        return self.total.ties + self.total.identical

    @property
    def shown_first(self) -> float | None:
        """Share of the verdicts with a preference that prefer what was shown first."""
        preferences = self.total.first_preferred + self.total.second_preferred
        return self.total.first_preferred / preferences if preferences else None

    @property
    def paired(self) -> int:
        """Pairs with a score."""
        return self.total.wins + self.total.losses + self.ties + self.total.flips + self.total.half


def judged_arms(record: Record, rows: ScoreRows, deltas: Deltas) -> tuple[JudgedArm, ...]:
    """In the order of the suite's evals and arms; arms without a result are left to the table of what is missing."""
    arms = []
    for spec in record.resolved.suite.eval:
        if spec.kind != "judge":
            continue
        for arm, names in subjects(record).items():
            results = _of(record, spec.name, names)
            if results:
                scored = [rows.get((spec.name, name), ()) for name in names]
                arms.append(_arm(spec.name, arm, results, scored, deltas))
    return tuple(arms)


def is_own_reference(record: Record, eval_name: str, names: Sequence[str]) -> bool:
    """Whether these subjects are what the eval's judge compares the others with."""
    results = _of(record, eval_name, names)
    return bool(results) and all(result.by_definition for result in results)


def _of(record: Record, eval_name: str, names: Sequence[str]) -> list[Judged]:
    results = [e.result for e in record.evaluations if e.eval == eval_name and e.subject in names]
    return [result.judged for result in results if result is not None and result.judged is not None]


def _arm(
    name: str, arm: str, results: Sequence[Judged], scored: Sequence[Sequence[ScoreRow]], deltas: Deltas
) -> JudgedArm:
    total = _total(results)
    return JudgedArm(
        eval=name,
        arm=arm,
        against=arm if total.by_definition else re.sub(r"#\d+$", "", total.against),
        controlled=None if total.by_definition else _controlled(scored, deltas, trained=not is_base(arm)),
        longer_won=None if total.by_definition else _longer_won(scored),
        total=total,
    )


def _total(results: Sequence[Judged]) -> Judged:
    """Sums over all seeds; `None` for a figure that one of them lacks."""
    summed = {name: _sum([getattr(result, name) for result in results]) for name in _SUMMED}
    return results[0].model_copy(update={**summed, "by_definition": all(result.by_definition for result in results)})


def _sum(values: Sequence[_Number | None]) -> _Number | None:
    present = [value for value in values if value is not None]
    return sum(present[1:], present[0]) if present and len(present) == len(values) else None


def _controlled(scored: Sequence[Sequence[ScoreRow]], deltas: Deltas, *, trained: bool) -> LengthControlled | None:
    """The rate at equal length over the seeds that have any score, on the examples that all of these have."""
    by_seed = [scores for rows in scored if (scores := _known(rows))]
    shared = [id_ for id_ in by_seed[0] if all(id_ in seed_scores for seed_scores in by_seed)] if by_seed else []
    if not shared or (trained and len(by_seed) == 1 < len(scored)):  # one seed left: the noise of training is unknown
        return None
    values = np.array([[seed_scores[id_] for id_ in shared] for seed_scores in by_seed], dtype=np.float64)
    return length_controlled(
        values[:, :, 0],
        values[:, :, 1],
        seed=deltas.seed,
        replicates=min(deltas.replicates, length_control.REPLICATES),
        trained=trained,
    )


def _longer_won(scored: Sequence[Sequence[ScoreRow]]) -> float | None:
    pairs = [pair for rows in scored for pair in _known(rows).values()]
    won = [(score > TIE) == (longer > 0) for score, longer in pairs if score != TIE and longer]
    return sum(won) / len(won) if won else None


def _known(rows: Sequence[ScoreRow]) -> Mapping[str, tuple[float, float]]:
    """Score and difference of lengths, by example."""
    by_example = {}
    for row in rows:
        score, lengths = row.metrics.get(WIN_RATE), row.statistics.get(LENGTHS)
        if score is not None and lengths is not None:
            by_example[row.id] = (score, lengths[0] - lengths[1])
    return by_example
