"""Faults in an eval's examples that make its intervals claim more than the examples say.

Contract: pure; looks at the rows of the first subject with scores for texts and ids, and at all rows for their scores.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.analysis.aligned.align import Aligned, usable
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.aligned.scored_rows import RowsOfTasks


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
    taken = RowsOfTasks(entry.measurand.metrics)
    subjects = [taken.of(scored) for (name, _), scored in rows.items() if name == entry.measurand.eval]
    first = next((subject for subject in subjects if len(subject.places)), None)
    if first is None:
        return None
    distinct = dict(reversed([*zip(first.examples, first.texts(), strict=True)]))  # of one id the first row counts
    return ExampleCheck(
        measurand=entry.measurand.name,
        examples=len(distinct),
        repeated_ids=len(first.places) - len(distinct),
        repeated_texts=_repeats((task, row["prompt"], row.get("target")) for (task, _), row in distinct.items()),
        unusable_scores=sum(int(np.sum(subject.present & ~usable(subject.values))) for subject in subjects),
    )


def _repeats(texts: Iterable[object]) -> int:
    return sum(count - 1 for count in Counter(texts).values())
