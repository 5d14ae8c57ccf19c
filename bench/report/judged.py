"""What judges found, per eval and arm, and how far they can be trusted.

Contract: pure; counts are sums over seeds. The rate at equal length is fitted to the examples that every seed has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.record.record import Record
from bench.record.result import Judged, ScoreRow
from bench.report.align import Rows, subjects
from bench.report.deltas import Deltas
from bench.stats import length_control
from bench.stats.length_control import LengthControlled, length_controlled
from bench.suite.judge import LENGTHS, TIE, WIN_RATE
from bench.suite.suite import is_base

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedArm:
    """One arm on one judge eval."""

    eval: str
    arm: str
    judge: str
    host: str | None
    """`None`: a model on this machine."""
    prompt: str
    against: str
    """An arm, a base, or the source of stored answers."""
    by_definition: bool
    """It is what the others are compared with."""
    controlled: LengthControlled | None
    """`None` where nothing was scored, or by definition."""
    longer_won: float | None
    """Of the pairs with a preference and unequal lengths, the share in which the longer answer is preferred."""
    wins: int
    losses: int
    ties: int
    """No preference in both orders, or the same text."""
    flips: int
    half: int
    unjudged: int
    unanswered: int
    consistency: float | None
    """Share of the pairs with two verdicts in which both prefer the same."""
    verdicts: int
    """Asked for and read."""
    first_preferred: float | None
    """Share of the verdicts with a preference that prefer what was shown first."""
    unread: int
    rejected: int
    asked: int
    reused: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    cost_now: float | None
    currency: str | None

    @property
    def paired(self) -> int:
        """Pairs with a score."""
        return self.wins + self.losses + self.ties + self.flips + self.half


def judged_arms(record: Record, rows: Rows, deltas: Deltas) -> tuple[JudgedArm, ...]:
    """In the order of the suite's evals and arms; arms without a result are left to the table of what is missing."""
    found = []
    for spec in record.resolved.suite.eval:
        if spec.kind != "judge":
            continue
        for arm, names in subjects(record).items():
            results = _of(record, spec.name, names)
            if results:
                scored = [rows.get((spec.name, name), ()) for name in names]
                found.append(_arm(spec.name, arm, results, scored, deltas))
    return tuple(found)


def is_own_reference(record: Record, eval_name: str, names: Sequence[str]) -> bool:
    """Whether these subjects are what the eval's judge compares the others with."""
    results = _of(record, eval_name, names)
    return bool(results) and all(one.by_definition for one in results)


def _of(record: Record, eval_name: str, names: Sequence[str]) -> list[Judged]:
    mine = [e.result for e in record.evaluations if e.eval == eval_name and e.subject in names]
    return [result.judged for result in mine if result is not None and result.judged is not None]


def _arm(
    name: str, arm: str, results: Sequence[Judged], scored: Sequence[Sequence[ScoreRow]], deltas: Deltas
) -> JudgedArm:
    first = results[0]
    by_definition = all(one.by_definition for one in results)

    def total(count: Callable[[Judged], int]) -> int:
        return sum(count(one) for one in results)

    agreed, flips = total(lambda one: one.wins + one.losses + one.ties), total(lambda one: one.flips)
    shown_first, shown_second = total(lambda one: one.first_preferred), total(lambda one: one.second_preferred)
    return JudgedArm(
        eval=name,
        arm=arm,
        judge=first.judge,
        host=first.host,
        prompt=first.prompt,
        against=arm if by_definition else re.sub(r"#\d+$", "", first.against),
        by_definition=by_definition,
        controlled=None if by_definition else _controlled(scored, deltas, trained=not is_base(arm)),
        longer_won=None if by_definition else _longer_won(scored),
        wins=total(lambda one: one.wins),
        losses=total(lambda one: one.losses),
        ties=total(lambda one: one.ties + one.identical),
        flips=flips,
        half=total(lambda one: one.half),
        unjudged=total(lambda one: one.unjudged),
        unanswered=total(lambda one: one.unanswered),
        consistency=agreed / (agreed + flips) if agreed + flips else None,
        verdicts=total(lambda one: one.verdicts),
        first_preferred=shown_first / (shown_first + shown_second) if shown_first + shown_second else None,
        unread=total(lambda one: one.unread),
        rejected=total(lambda one: one.rejected),
        asked=total(lambda one: one.asked),
        reused=total(lambda one: one.reused),
        prompt_tokens=_sum([one.prompt_tokens for one in results]),
        completion_tokens=_sum([one.completion_tokens for one in results]),
        cost=_sum([one.cost for one in results]),
        cost_now=_sum([one.cost_now for one in results]),
        currency=first.currency,
    )


def _sum(values: Sequence[_Number | None]) -> _Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def _controlled(scored: Sequence[Sequence[ScoreRow]], deltas: Deltas, *, trained: bool) -> LengthControlled | None:
    """Of the seeds that have any score, over the examples that all of these have."""
    by_seed = [known for rows in scored if (known := _known(rows))]
    shared = [id_ for id_ in by_seed[0] if all(id_ in known for known in by_seed)] if by_seed else []
    if not shared:
        return None
    values = np.array([[known[id_] for id_ in shared] for known in by_seed], dtype=np.float64)
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
    found = {}
    for row in rows:
        score, lengths = row.metrics.get(WIN_RATE), row.statistics.get(LENGTHS)
        if score is not None and lengths is not None:
            found[row.id] = (score, lengths[0] - lengths[1])
    return found
