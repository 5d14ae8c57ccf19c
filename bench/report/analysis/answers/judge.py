"""What judges found, per eval and arm, and how far they can be trusted.

Contract: pure; counts are sums over seeds. The rate at equal length is fitted, for each seed, to the pairs that it has.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.record.record import Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.evals.judged import Judged
from bench.report.analysis.aligned.align import cluster_labels, draws_by_arm, labels_of
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.answers.human_labels import corrected_by_people, labels_of_eval, unmatched_labels
from bench.report.analysis.run_facts.known import sum_of_all
from bench.report.analysis.run_facts.subjects import judged_of, subjects
from bench.stats.estimates.judged import length_control
from bench.stats.estimates.judged.length_control import JudgedPairs, LengthControlled, length_controlled, length_prior
from bench.stats.estimates.judged.prediction_powered import Corrected
from bench.stats.noise.moderation import SeedPrior
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.evals.judge_measures import LENGTHS, TIE, WIN_RATE

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
    corrected: Corrected | None
    """The rate by human labels and the judge; `None` where no pair of the arm is labelled."""
    unmatched_labels: int
    """Human labels of the arm that are of no pair with a score."""
    longer_won: float | None
    """Share of the pairs with a preference and unequal lengths in which the longer answer is preferred."""
    total: Judged
    """Counts and costs summed over seeds; the rest as of the first."""

    @property
    def ties(self) -> int:
        """No preference, or the same text."""
        return self.total.ties + self.total.identical

    @property
    def not_judged(self) -> int:
        """Pairs without a score."""
        return self.total.unjudged + self.total.unanswered

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
    arms, draws = [], draws_by_arm(record)
    for spec in record.resolved.suite.eval:
        if spec.kind != "judge":
            continue
        labels = labels_of_eval(record, spec.name)
        judged = [
            _judged(record, rows, spec.name, arm, draws.get(arm))
            for arm, names in subjects(record).items()
            if judged_of(record, spec.name, names)
        ]
        prior = length_prior(pairs for entry in judged if (pairs := entry.pairs) is not None)
        for entry in judged:
            people = corrected_by_people(entry.names, entry.scored, labels)
            lost = unmatched_labels(entry.names, entry.scored, labels)
            arms.append(replace(_arm(spec.name, entry, deltas, prior), corrected=people, unmatched_labels=lost))
    return tuple(arms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgedEntry:
    """What one arm brings to a judge eval. pairs: `None` for the judge's own reference, and without a score."""

    arm: str
    names: Sequence[str]
    results: Sequence[Judged]
    scored: Sequence[Sequence[ScoreRow]]
    pairs: JudgedPairs | None


def _judged(record: Record, rows: ScoreRows, name: str, arm: str, draws: tuple[int, ...] | None) -> _JudgedEntry:
    names = subjects(record)[arm]
    results = judged_of(record, name, names)
    scored = [rows.get((name, subject), ()) for subject in names]
    by_definition = all(result.by_definition for result in results)
    return _JudgedEntry(
        arm=arm,
        names=names,
        results=results,
        scored=scored,
        pairs=None if by_definition else _pairs(scored, draws=draws, trained=not is_base(arm)),
    )


def _arm(name: str, entry: _JudgedEntry, deltas: Deltas, prior: SeedPrior | None) -> JudgedArm:
    total = _total(entry.results)
    most = min(deltas.replicates, length_control.REPLICATES)
    return JudgedArm(
        eval=name,
        arm=entry.arm,
        against=entry.arm if total.by_definition else re.sub(r"#\d+$", "", total.against),
        controlled=None
        if entry.pairs is None
        else length_controlled(entry.pairs, seed=deltas.seed, replicates=most, prior=prior),
        corrected=None,
        unmatched_labels=0,
        longer_won=None if total.by_definition else _longer_won(entry.scored),
        total=total,
    )


def _total(results: Sequence[Judged]) -> Judged:
    """Sums over all seeds; `None` for a figure that one of them lacks."""
    summed = {name: sum_of_all(getattr(result, name) for result in results) for name in _SUMMED}
    return results[0].model_copy(update={**summed, "by_definition": all(result.by_definition for result in results)})


def _pairs(scored: Sequence[Sequence[ScoreRow]], *, draws: tuple[int, ...] | None, trained: bool) -> JudgedPairs | None:
    """Preferences and lengths, each seed with all pairs that it has; `None` without one."""
    rows = {(row.task, row.id): row for seed_rows in reversed(scored) for row in seed_rows}
    if not rows:
        return None
    position = {example: index for index, example in enumerate(rows)}
    values, present = np.zeros((2, len(scored), len(rows))), np.zeros((len(scored), len(rows)), dtype=np.bool_)
    for seed, seed_rows in enumerate(scored):
        for example, pair in _known(seed_rows).items():
            values[:, seed, position[example]] = pair
            present[seed, position[example]] = True
    tasks = {task for task, _ in rows}
    return JudgedPairs(
        preferences=values[0],
        differences=values[1],
        present=present,
        clusters=cluster_labels([(row.task, row.cluster) for row in rows.values()]),
        strata=labels_of([task for task, _ in rows]) if len(tasks) > 1 else None,
        draws=None if draws is None else np.array(draws, dtype=np.int64),
        trained=trained,
    )


def _longer_won(scored: Sequence[Sequence[ScoreRow]]) -> float | None:
    pairs = [pair for rows in scored for pair in _known(rows).values()]
    won = [(score > TIE) == (longer > 0) for score, longer in pairs if score != TIE and longer]
    return sum(won) / len(won) if won else None


def _known(rows: Sequence[ScoreRow]) -> Mapping[tuple[str, str], tuple[float, float]]:
    """Score and difference of lengths, by example."""
    by_example = {}
    for row in rows:
        score, lengths = row.metrics.get(WIN_RATE), row.statistics.get(LENGTHS)
        if score is not None and lengths is not None:
            by_example[row.task, row.id] = (score, lengths[0] - lengths[1])
    return by_example
