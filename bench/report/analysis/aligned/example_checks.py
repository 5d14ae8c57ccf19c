"""Faults in an eval's examples that make its intervals claim more than the examples say.

Contract: pure; looks at the rows of the first subject with scores for texts and ids, and at all rows for their scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.record.results.evaluation import ScoreRow
from bench.report.analysis.aligned.align import Aligned, ScoreRows, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCheck:
    """One measurand."""

    measurand: str
    examples: int
    repeated_ids: int
    """Rows whose task and id another row before them has: one of the two scores counts."""
    repeated_texts: int
    """Examples whose prompt and expected answer another example before them has, under another id."""
    unusable_scores: int
    """Scores of all subjects that are too large to compute with; each counts as missing."""


def example_checks(aligned: Sequence[Aligned], rows: ScoreRows) -> tuple[ExampleCheck, ...]:
    """One per measurand with rows, in the suite's order."""
    return tuple(check for entry in aligned if (check := _check(entry, rows)) is not None)


def _check(entry: Aligned, rows: ScoreRows) -> ExampleCheck | None:
    metrics = entry.measurand.metrics
    subjects = [
        [row for row in scored if row.task in metrics]
        for (name, _), scored in rows.items()
        if name == entry.measurand.eval
    ]
    first = next((subject_rows for subject_rows in subjects if subject_rows), None)
    if first is None:
        return None
    distinct = {(row.task, row.id): row for row in reversed(first)}.values()
    return ExampleCheck(
        measurand=entry.measurand.name,
        examples=len(distinct),
        repeated_ids=len(first) - len(distinct),
        repeated_texts=_repeats((row.task, row.prompt, row.target) for row in distinct),
        unusable_scores=sum(
            not usable(_score(row, metrics[row.task])) for subject_rows in subjects for row in subject_rows
        ),
    )


def _score(row: ScoreRow, metric: str) -> float | None:
    return row.metrics.get(metric)


def _repeats(texts: Iterable[object]) -> int:
    return sum(count - 1 for count in Counter(texts).values())
