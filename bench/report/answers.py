"""What base and tuned models said to the same questions, side by side.

Contract: which questions are shown is drawn from the run's digest alone, before any answer or score is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.record.record import Record
from bench.record.result import ScoreRow
from bench.report.align import Aligned, Rows, subjects

SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One subject's answer."""

    arm: str
    subject: str
    text: str | None
    """`None`: no answer was recorded."""
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One question and what everybody said."""

    eval: str
    task: str
    id: str
    prompt: str
    target: str | None
    metric: str
    answers: tuple[Answer, ...]


def exhibits(record: Record, aligned: Sequence[Aligned], rows: Rows, *, shown: int = SHOWN) -> tuple[Exhibit, ...]:
    """`shown` questions, spread evenly over the evals that generate text (else those that choose a text)."""
    speaking = _speaking(record, aligned, rows)
    rng = np.random.default_rng(int(record.digest[:16], 16))
    chosen: list[Exhibit] = []
    for index, entry in enumerate(speaking):
        wanted = shown // len(speaking) + (index < shown % len(speaking))
        size = min(wanted, len(entry.examples))
        drawn = sorted(rng.choice(len(entry.examples), size=size, replace=False).tolist())
        chosen += _exhibits(record, entry, rows, [entry.examples[position] for position in drawn])
    return tuple(chosen)


def _speaking(record: Record, aligned: Sequence[Aligned], rows: Rows) -> list[Aligned]:
    generating = {
        evaluation.eval
        for evaluation in record.evaluations
        if evaluation.result is not None and evaluation.result.generated_tokens
    }
    with_text = {name for (name, _), scored in rows.items() if any(row.output is not None for row in scored)}
    for names in (generating & with_text, with_text):
        found = [entry for entry in aligned if entry.measurand.eval in names and entry.examples]
        if found:
            return found
    return []


def _exhibits(record: Record, entry: Aligned, rows: Rows, examples: Sequence[tuple[str, str]]) -> list[Exhibit]:
    """Each arm speaks through its first seed that was scored."""
    name = entry.measurand.eval
    speakers = {
        arm: next((subject for subject in names if (name, subject) in rows), None)
        for arm, names in subjects(record).items()
    }
    said = {
        subject: {(row.task, row.id): row for row in rows[name, subject]}
        for subject in speakers.values()
        if subject is not None
    }
    return [_exhibit(entry, example, speakers, said) for example in examples]


def _exhibit(
    entry: Aligned,
    example: tuple[str, str],
    speakers: dict[str, str | None],
    said: dict[str, dict[tuple[str, str], ScoreRow]],
) -> Exhibit:
    task, identity = example
    metric = entry.measurand.metrics[task]
    question = next(rows[example] for rows in said.values() if example in rows)
    answers = []
    for arm, subject in speakers.items():
        row = said[subject].get(example) if subject is not None else None
        answers.append(
            Answer(
                arm=arm,
                subject=subject or arm,
                text=row.output if row is not None else None,
                score=row.metrics.get(metric) if row is not None else None,
            )
        )
    return Exhibit(
        eval=entry.measurand.name,
        task=task,
        id=identity,
        prompt=question.prompt,
        target=question.target,
        metric=metric,
        answers=tuple(answers),
    )
