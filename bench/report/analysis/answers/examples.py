"""The examples behind every cell: questions, expected answers, and what each subject answered with its score.

Contract: pure. All examples where they fit; else as many of each eval as fit, drawn from the run's digest alone,
before any answer or score is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.record.record import Record
from bench.record.results.evals.score_table import ExampleAnswer, ScoreTable
from bench.report.analysis.aligned.align import Aligned, ScoreRows
from bench.report.analysis.run_facts.subjects import subjects

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
    record: Record, aligned: Sequence[Aligned], rows: ScoreRows, *, answers: int = MOST_ANSWERS,
    characters: int = MOST_CHARACTERS,
) -> tuple[EvalExamples, ...]:  # fmt: skip
    """One for each measurand that has examples. answers, characters: the most of all together."""
    entries = [entry for entry in aligned if entry.examples]
    by_arm = subjects(record)
    share = answers // max(1, len(entries) * sum(map(len, by_arm.values())))
    generator = np.random.default_rng(int(record.digest[:16], 16))
    return tuple(
        _of_eval(entry, by_arm, rows, _order(entry, generator)[: max(1, share)], characters // len(entries))
        for entry in entries
    )


def _order(entry: Aligned, generator: np.random.Generator) -> list[int]:
    """Positions of the examples as they are drawn: the first few are a random draw."""
    return [int(position) for position in generator.permutation(len(entry.examples))]


def _of_eval(
    entry: Aligned, by_arm: Mapping[str, tuple[str, ...]], rows: ScoreRows, drawn: Sequence[int], characters: int
) -> EvalExamples:
    name = entry.measurand.eval
    wanted = [entry.examples[position] for position in drawn]
    by_subject = {
        subject: ScoreTable.of(rows.get((name, subject), ())).answers(wanted)
        for names in by_arm.values()
        for subject in names
    }
    fitting = set(_fitting(wanted, by_subject, characters))
    kept = [example for example in entry.examples if example in fitting]
    first = [next(scored[example] for scored in by_subject.values() if example in scored) for example in kept]
    return EvalExamples(
        measurand=entry.measurand.name,
        total=len(entry.examples),
        shown=len(kept),
        ids=tuple(identity for _, identity in kept),
        tasks=tuple(task for task, _ in kept),
        questions=tuple(_cut(row.get("question") or row["prompt"]) or "" for row in first),
        targets=tuple(_cut(row.get("target")) for row in first),
        options=tuple(tuple(_cut(option) or "" for option in row.get("options", ())) for row in first),
        arms={
            arm: tuple(
                _answered(entry, subject, [(task, by_subject[subject].get((task, id_))) for task, id_ in kept])
                for subject in names
            )
            for arm, names in by_arm.items()
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


def _answered(entry: Aligned, subject: str, scored: Sequence[tuple[str, ExampleAnswer | None]]) -> AnsweredBy:
    # A corpus metric has no score for one answer; where it has a sentence-level sister, that one is shown.
    prefix = "" if entry.measurand.per_example else "sentence_"
    return AnsweredBy(
        subject=subject,
        scores=tuple(
            None if row is None else row["metrics"].get(prefix + entry.measurand.metrics[task]) for task, row in scored
        ),
        outputs=tuple(None if row is None else _cut(row.get("output")) for _, row in scored),
    )


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
