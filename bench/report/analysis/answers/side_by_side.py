"""What base and tuned models answered to the same questions, side by side.

Contract: which questions are shown is written in the suite, or drawn from the run's digest alone, before any answer or
score is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bench.record.record import Record
from bench.record.results.evals.score_table import ExampleAnswer, ScoreTable
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.run_facts.subjects import subjects

SHOWN = 10
_Speakers: TypeAlias = Mapping[str, str | None]
"""The subject that speaks for each arm; `None` where no seed has answers."""
_Said: TypeAlias = Mapping[str, Mapping[tuple[str, str], ExampleAnswer]]
"""By subject, then by (task, id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectAnswer:
    """One subject's answer."""

    arm: str
    subject: str
    text: str | None
    """`None`: no answer was recorded."""
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One question and everybody's answer."""

    eval: str
    task: str
    id: str
    question: str
    """The user's text; the whole prompt where no such text was recorded."""
    target: str | None
    options: tuple[str, ...]
    """What the subjects chose from; empty where they wrote."""
    metric: str | None
    """`None` for a question that the suite asks for its answers alone."""
    binary: bool
    """Whether an answer is right or wrong, and nothing between."""
    answers: tuple[SubjectAnswer, ...]


def exhibits(record: Record, aligned: Sequence[Aligned], rows: ScoreRows) -> tuple[Exhibit, ...]:
    """Every question that the suite asks for its answers alone, and `SHOWN` others, spread evenly over the evals that
    generate text (else those that choose a text)."""
    speaking = _speaking(record, aligned, rows)
    rng = np.random.default_rng(int(record.digest[:16], 16))
    chosen = _fixed(record, rows)
    for index, entry in enumerate(speaking):
        wanted = SHOWN // len(speaking) + (index < SHOWN % len(speaking))
        size = min(wanted, len(entry.examples))
        drawn = sorted(rng.choice(len(entry.examples), size=size, replace=False).tolist())
        chosen += _exhibits(record, entry, rows, [entry.examples[position] for position in drawn])
    return tuple(chosen)


def _fixed(record: Record, rows: ScoreRows) -> list[Exhibit]:
    """In the order of the suite."""
    chosen: list[Exhibit] = []
    for spec in record.resolved.suite.eval:
        answered = [scored for (name, _), scored in rows.items() if name == spec.name]
        if not spec.scored and answered:
            examples = ScoreTable.of(answered[0]).examples
            speakers, by_subject = _voices(record, spec.name, rows, examples)
            chosen += [_exhibit(spec.name, None, example, speakers, by_subject, binary=False) for example in examples]
    return chosen


def _speaking(record: Record, aligned: Sequence[Aligned], rows: ScoreRows) -> list[Aligned]:
    generating = {
        evaluation.eval
        for evaluation in record.evaluations
        if evaluation.result is not None and evaluation.result.generated_tokens
    }
    with_text = {name for (name, _), scored in rows.items() if ScoreTable.of(scored).answered.any()}
    for names in (generating & with_text, with_text):
        entries = [entry for entry in aligned if entry.measurand.eval in names and entry.examples]
        if entries:
            return entries
    return []


def _exhibits(record: Record, entry: Aligned, rows: ScoreRows, examples: Sequence[tuple[str, str]]) -> list[Exhibit]:
    measurand = entry.measurand
    speakers, by_subject = _voices(record, measurand.eval, rows, examples)
    # A corpus metric has no score for one answer; where it has a sentence-level sister, that one is shown.
    prefix = "" if measurand.per_example else "sentence_"
    return [
        _exhibit(
            measurand.name,
            prefix + measurand.metrics[example[0]],
            example,
            speakers,
            by_subject,
            binary=measurand.binary and measurand.per_example,
        )
        for example in examples
    ]


def _voices(record: Record, name: str, rows: ScoreRows, examples: Sequence[tuple[str, str]]) -> tuple[_Speakers, _Said]:
    """Each arm speaks through its first seed that was evaluated; its rows of these examples."""
    speakers = {
        arm: next((subject for subject in names if (name, subject) in rows), None)
        for arm, names in subjects(record).items()
    }
    by_subject = {
        subject: ScoreTable.of(rows[name, subject]).answers(examples)
        for subject in speakers.values()
        if subject is not None
    }
    return speakers, by_subject


def _exhibit(
    name: str, metric: str | None, example: tuple[str, str], speakers: _Speakers, by_subject: _Said, *, binary: bool
) -> Exhibit:
    task, identity = example
    question = next(rows[example] for rows in by_subject.values() if example in rows)
    answers = []
    for arm, subject in speakers.items():
        row = by_subject[subject].get(example) if subject is not None else None
        answers.append(
            SubjectAnswer(
                arm=arm,
                subject=subject or arm,
                text=row.get("output") if row is not None else None,
                score=row["metrics"].get(metric) if row is not None and metric is not None else None,
            )
        )
    return Exhibit(
        eval=name,
        task=task,
        id=identity,
        question=question.get("question") or question["prompt"],
        target=question.get("target"),
        options=question.get("options", ()),
        metric=metric,
        binary=binary,
        answers=tuple(answers),
    )
