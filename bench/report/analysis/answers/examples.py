"""The examples behind every cell: questions, expected answers, and what each subject answered with its score.

Contract: pure. All examples where they fit; else as many of each eval as fit, drawn from the run's digest alone,
before any answer or score is looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.processes import each
from bench.record.record import Record
from bench.record.results.evals.score_table import ExampleAnswer, ScoreTable
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.run_facts.subjects import subjects

if TYPE_CHECKING:
    from bench.report.analysis.aligned.align import Aligned  # statistics, which a share of the work does not need

MOST_ANSWERS = 200_000
"""Scores of one subject on one example, over all evals."""
MOST_CHARACTERS = 7_000_000
"""Characters of the different texts, over all evals."""
LONGEST_TEXT = 4_000
"""Characters of one text; the rest is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBy:
    """One subject on the examples of one eval, in their order; `None` where it has no score, or no text."""

    subject: str
    scores: tuple[float | None, ...]
    outputs: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalExamples:
    """The examples of one measurand. total: all of them; shown: those that are here."""

    measurand: str
    total: int
    shown: int
    ids: tuple[str, ...] = field(repr=False)
    tasks: tuple[str, ...] = field(repr=False)
    questions: tuple[str, ...] = field(repr=False)
    targets: tuple[str | None, ...] = field(repr=False)
    options: tuple[tuple[str, ...], ...] = field(repr=False)
    """What subjects chose from, of each example; empty where they wrote."""
    arms: Mapping[str, tuple[AnsweredBy, ...]] = field(repr=False)
    """By arm, its subjects in the order of their seeds."""


def examples(
    record: Record, aligned: Sequence["Aligned"], rows: ScoreRows, *, answers: int = MOST_ANSWERS,
    characters: int = MOST_CHARACTERS,
) -> Iterator[EvalExamples]:  # fmt: skip
    """One for each measurand that has examples. answers, characters: the most of all together."""
    entries = [entry for entry in aligned if entry.examples]
    by_arm = subjects(record)
    share = answers // max(1, len(entries) * sum(map(len, by_arm.values())))
    generator = np.random.default_rng(int(record.digest[:16], 16))
    asked = [
        _Asked(
            measurand=entry.measurand,
            examples=entry.examples,
            by_arm=by_arm,
            tables={
                subject: ScoreTable.of(rows.get((entry.measurand.eval, subject), ()))
                for names in by_arm.values()
                for subject in names
            },
            drawn=_order(entry, generator)[: max(1, share)],
            characters=characters // len(entries),
        )
        for entry in entries
    ]
    return each(_of_eval, asked, rows=sum(len(table) for one in asked for table in one.tables.values()))


def _order(entry: "Aligned", generator: np.random.Generator) -> list[int]:
    """Positions of the examples as they are drawn: the first few are a random draw."""
    return [int(position) for position in generator.permutation(len(entry.examples))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the examples of one measurand are made of."""

    measurand: Measurand
    examples: Sequence[tuple[str, str]]
    """All of them."""
    by_arm: Mapping[str, tuple[str, ...]]
    """Subjects of each arm."""
    tables: Mapping[str, ScoreTable]
    """Scores of each subject."""
    drawn: Sequence[int]
    """Positions of those that may be shown, in the order in which they are taken."""
    characters: int
    """The most of this measurand's different texts, as in `MOST_CHARACTERS`."""


def _of_eval(asked: _Asked) -> EvalExamples:
    wanted = [asked.examples[position] for position in asked.drawn]
    by_subject = {subject: table.answers(wanted) for subject, table in asked.tables.items()}
    fitting = set(_fitting(wanted, by_subject, asked.characters))
    kept = [example for example in asked.examples if example in fitting]
    first = [next(scored[example] for scored in by_subject.values() if example in scored) for example in kept]
    return EvalExamples(
        measurand=asked.measurand.name,
        total=len(asked.examples),
        shown=len(kept),
        ids=tuple(identity for _, identity in kept),
        tasks=tuple(task for task, _ in kept),
        questions=tuple(_cut(row.get("question") or row["prompt"]) or "" for row in first),
        targets=tuple(_cut(row.get("target")) for row in first),
        options=tuple(tuple(_cut(option) or "" for option in row.get("options", ())) for row in first),
        arms={
            arm: tuple(
                _answered(
                    asked.measurand, subject, [(task, by_subject[subject].get((task, id_))) for task, id_ in kept]
                )
                for subject in names
            )
            for arm, names in asked.by_arm.items()
        },
    )


def _fitting(
    drawn: Sequence[tuple[str, str]], by_subject: Mapping[str, Mapping[tuple[str, str], ExampleAnswer]], characters: int
) -> list[tuple[str, str]]:
    """The first of the drawn examples whose different texts have at most so many characters; one at least."""
    seen: set[int] = set()
    kept: list[tuple[str, str]] = []
    size = 0
    for example in drawn:
        for scored in by_subject.values():
            row = scored.get(example)
            for text in () if row is None else _texts(row):
                if text is not None and hash(text) not in seen:
                    seen.add(hash(text))
                    size += min(len(text), LONGEST_TEXT)
        if kept and size > characters:
            break
        kept.append(example)
    return kept


def _texts(row: ExampleAnswer) -> tuple[str | None, ...]:
    return row.get("question") or row["prompt"], row.get("target"), *row.get("options", ()), row.get("output")


def _answered(measurand: Measurand, subject: str, scored: Sequence[tuple[str, ExampleAnswer | None]]) -> AnsweredBy:
    # A corpus metric has no score for one answer; where it has a sentence-level sister, that one is shown.
    prefix = "" if measurand.per_example else "sentence_"
    return AnsweredBy(
        subject=subject,
        scores=tuple(
            None if row is None else row["metrics"].get(prefix + measurand.metrics[task]) for task, row in scored
        ),
        outputs=tuple(None if row is None else _cut(row.get("output")) for _, row in scored),
    )


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
