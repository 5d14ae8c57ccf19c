"""Imported subjects against the first of them, paired by example.

Contract: the methods of a run's report. How the models were trained is unknown, and so is the noise of training again:
intervals are of the examples alone, and nothing is called better or worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.report.imported.metrics import ExampleScore
from bench.report.imported.read import ImportedSubject
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Section, Table, View
from bench.stats.arrays import FloatArray
from bench.stats.conclusions.claim_types import ALPHA
from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.samples.sample import Scores

_ByExample = Mapping[tuple[str, int], ExampleScore]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDelta:
    """One subject minus the first on one metric. p_adjusted: Holm's, over all metrics of all subjects."""

    subject: str
    task: str
    metric: str
    delta: Delta
    p_adjusted: float | None

    @property
    def reads(self) -> str:
        """`higher`, `lower` or `unclear`: by the interval and Holm's p-value."""
        interval = self.delta.tested_interval
        if interval is None:
            return "unknown"
        resolved = self.p_adjusted is not None and self.p_adjusted <= ALPHA and not interval[0] <= 0 <= interval[1]
        return ("higher" if interval[0] > 0 else "lower") if resolved else "unclear"


def compare_imported(subjects: Sequence[ImportedSubject]) -> tuple[ImportedDelta, ...]:
    """Every further subject against the first, on the metrics of both.

    Raises `InputError` with every task whose examples are not the same, and where no metric is shared."""
    first, *others = subjects
    pairs = [(other, key) for other in others for key in first.scores if key in other.scores]
    problems = [problem for other, key in pairs if (problem := _other_examples(first, other, key)) is not None]
    if not pairs:
        what = "the subjects have no task and metric in common"
        raise InputError(Problem(reference="import.nothing-shared", what=what, hint="evaluate both on the same tasks"))
    if problems:
        raise InputError(problems)
    deltas = [_delta(other.scores[key], first.scores[key]) for other, key in pairs]
    adjusted = holm([delta.tested_p for delta in deltas])
    return tuple(
        ImportedDelta(subject=other.name, task=key[0], metric=key[1], delta=delta, p_adjusted=p)
        for (other, key), delta, p in zip(pairs, deltas, adjusted, strict=True)
    )


def _other_examples(first: ImportedSubject, other: ImportedSubject, key: tuple[str, str]) -> Problem | None:
    left, right = set(first.scores[key]), set(other.scores[key])
    if left == right:
        return _other_weights(first, other, key)
    what = f"{key[0]} has other examples: {len(left - right):,} only of {first.name}, {len(right - left):,} only of "
    hint = "same tasks, same version, same limit and same few-shot documents"
    return Problem(reference="import.other-examples", what=what + other.name, where=key[1], hint=hint)


def _other_weights(first: ImportedSubject, other: ImportedSubject, key: tuple[str, str]) -> Problem | None:
    """A loss per token of two tokenizers is of other tokens."""
    pairs = [(score, other.scores[key][example]) for example, score in first.scores[key].items()]
    apart = sum(a.weight != b.weight for a, b in pairs if a.value is not None and b.value is not None)
    if not apart:
        return None
    what = f"{key[0]} weighs {fmt.plural(apart, 'example')} of {first.name} and {other.name} differently"
    hint = "compare a measure that counts the same units for both, such as bits per byte"
    return Problem(reference="import.other-weights", what=what, where=key[1], hint=hint)


def _delta(arm: _ByExample, reference: _ByExample) -> Delta:
    order = sorted(reference)
    seen = {value for side in (arm, reference) for score in side.values() if (value := score.value) is not None}
    binary = seen <= {0.0, 1.0}
    weights = np.array([_scored(reference[example], arm[example]).weight for example in order])
    sides = [_scores([side[example] for example in order], weights, binary=binary) for side in (arm, reference)]
    return paired_delta(*sides, seed=int(digest_json([list(example) for example in order])[:8], 16))


def _scored(score: ExampleScore, other: ExampleScore) -> ExampleScore:
    """The first that has a value: an example without one may lack its weight, too."""
    return other if score.value is None else score


def _scores(scores: Sequence[ExampleScore], weights: FloatArray, *, binary: bool) -> Scores:
    return Scores(
        values=np.array([[score.value or 0.0 for score in scores]]),
        present=np.array([[score.value is not None for score in scores]]),
        weights=weights,
        binary=binary,
        bounds=(0.0, 1.0) if binary else None,
    )


def compose_imported(first: str, deltas: Sequence[ImportedDelta]) -> View:
    """The comparison, ready to print."""
    titles = ("Subject", "Task", "Metric")
    numbers = ("Score", f"− {first} [95%]", "p (Holm)", "Examples")
    columns = (
        *(Column(title=t) for t in titles),
        *(Column(title=n, right=True) for n in numbers),
        Column(title="Reads"),
    )
    rows = tuple(
        (
            Cell(text=d.subject, tone="strong"),
            Cell(text=d.task),
            Cell(text=d.metric),
            Cell(text=fmt.number(d.delta.arm_mean)),
            Cell(text=f"{fmt.signed(d.delta.estimate)} {fmt.signed_interval(d.delta.low, d.delta.high)}".rstrip()),
            Cell(text=fmt.p_value(d.p_adjusted)),
            Cell(text=fmt.count(d.delta.n_examples)),
            Cell(text=d.reads, tone="unsure" if d.reads == "unclear" else "strong"),
        )
        for d in deltas
    )
    return View(
        title=f"Imported results against {first}",
        banner=None,
        question="Which scores differ over the same examples?",
        status=Cell(text="Noise of the examples alone: how the models were trained is unknown."),
        complete=True,
        sections=(Section(title="Differences", blocks=(Table(columns=columns, rows=rows),)),),
    )
