"""What takes evidence away never raises confidence: strength of a comparison before and after a random deletion.

In each run a seed, scores, examples or cluster labels of fresh data are deleted at random, and the difference of an arm
and its control is computed again. `tests/stats` has the same with fewer runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from bench.stats.conclusions.claim_types import DECIDED, ClaimRelation
from bench.stats.conclusions.claims import decide
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import Draw, Rng, matrix
from benchmarks.simulations.table import Cell, Measure, Note, Table, Verdict
from benchmarks.simulations.trained import items

Arms = Callable[[Rng], Sequence[Scores]]
Taken = Callable[[Rng, Sequence[Scores]], list[Scores]]
"""The same arms, one of which lacks something; examples are deleted from all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Of each run: width of the interval, in units of the one before the deletion, infinite where there is none; the
    p-value, by which marks and claims are decided, 1 where there is none; whether there is a filled mark; the share of
    `CLAIMS` that is decided, either way."""

    widths: np.ndarray
    p_values: np.ndarray
    marks: np.ndarray
    verdicts: np.ndarray

    @property
    def width(self) -> float:
        """Mean over the runs that have an interval; infinite without any."""
        shown = self.widths[np.isfinite(self.widths)]
        return float(shown.mean()) if shown.size else float("inf")

    @property
    def p(self) -> float:
        """Mean."""
        return float(self.p_values.mean())

    @property
    def marked(self) -> float:
        """Share of the runs."""
        return float(self.marks.mean())

    @property
    def decided(self) -> float:
        """Share of the claims of all runs."""
        return float(self.verdicts.mean())


CLAIMS: tuple[tuple[ClaimRelation, float], ...] = ((">", 0.0), (">=", 0.1), ("==", 0.2))
"""Relations and margins of the claims that are asked of each comparison."""


def one_seed(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """A seed of the arm is lost."""
    return [_without_rows(arms[0], [int(rng.integers(arms[0].values.shape[0]))]), *arms[1:]]


def a_seed_of_another(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """A seed of an arm that is not compared is lost."""
    other = int(rng.integers(2, len(arms)))
    lost = _without_rows(arms[other], [int(rng.integers(arms[other].values.shape[0]))])
    return [*arms[:other], lost, *arms[other + 1 :]]


def all_seeds_of_the_last(_: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """The last arm, which is not compared, fails."""
    return [*arms[:-1], _without_rows(arms[-1], range(arms[-1].values.shape[0]))]


def all_seeds_but_one(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """One seed of the arm survives."""
    kept = int(rng.integers(arms[0].values.shape[0]))
    return [_without_rows(arms[0], [row for row in range(arms[0].values.shape[0]) if row != kept]), *arms[1:]]


def one_draw(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """All seeds of one of the arm's subset draws are lost."""
    assert arms[0].draws is not None
    lost = rng.choice(np.unique(arms[0].draws))
    return [_without_rows(arms[0], np.flatnonzero(arms[0].draws == lost).tolist()), *arms[1:]]


def all_draws_but_one(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """The seeds of one of the arm's subset draws survive."""
    assert arms[0].draws is not None
    kept = rng.choice(np.unique(arms[0].draws))
    return [_without_rows(arms[0], np.flatnonzero(arms[0].draws != kept).tolist()), *arms[1:]]


def some_scores(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """A tenth of the arm's scores is missing at random."""
    present = rng.random(arms[0].values.shape) >= 0.1
    return [replace(arms[0], present=present, values=np.where(present, arms[0].values, 0.0)), *arms[1:]]


def some_examples(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """Half of the examples, for every arm."""
    kept = np.sort(rng.permutation(arms[0].n_examples)[: arms[0].n_examples // 2])
    return [
        replace(
            arm,
            values=arm.values[:, kept],
            present=arm.present[:, kept],
            weights=arm.weights[kept],
            clusters=None if arm.clusters is None else arm.clusters[kept],
        )
        for arm in arms
    ]


def some_labels(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """A fifth of the examples lacks its cluster's label, as the report reads such rows."""
    assert arms[0].clusters is not None
    labels = np.where(rng.random(arms[0].n_examples) < 0.2, -1, arms[0].clusters)
    return [replace(arm, clusters=labels) for arm in arms]


def _without_rows(scores: Scores, rows: Sequence[int]) -> Scores:
    present = scores.present.copy()
    present[list(rows)] = False
    return replace(scores, present=present, values=np.where(present, scores.values, 0.0))


def clustered_scores(rng: Rng, deviations: Sequence[float], *, effect: float) -> list[Scores]:
    """Scores on 200 examples in 40 clusters, three seeds of each arm."""
    label = np.arange(200) % 40
    example = rng.normal(size=40)[label] + rng.normal(size=200)
    arms = []
    for index, deviation in enumerate(deviations):
        topic = 0.5 * rng.normal(size=40)[label]
        noise = deviation * rng.normal(size=(3, 1)) + 0.5 * rng.normal(size=(3, 200))
        arms.append(matrix(example + topic + noise + (effect if index == 0 else 0.0), clusters=label))
    return arms


def clustered_answers(rng: Rng, *, effect: float) -> list[Scores]:
    """Right-or-wrong answers of four alike arms on the same examples."""
    arms = clustered_scores(rng, [0.3] * 4, effect=effect)
    return [replace(arm, values=(arm.values > 0.5).astype(float), binary=True) for arm in arms]


def drawn_scores(rng: Rng, *, effect: float) -> list[Scores]:
    """Scores on 200 examples, three draws of two seeds of each of four arms."""
    example, draws = rng.normal(size=200), np.repeat(np.arange(3), 2)
    arms = []
    for index in range(4):
        level = 0.3 * rng.normal(size=3)[draws] + 0.2 * rng.normal(size=6)
        noise = level[:, None] + 0.5 * rng.normal(size=(6, 200))
        arms.append(matrix(example + noise + (effect if index == 0 else 0.0), draws=draws))
    return arms


def strengths(
    draw: Arms, takes: Sequence[Taken], runs: int, *, rng: Rng, higher: int = 1
) -> tuple[Strength, tuple[Strength, ...]]:
    """Before, and after each deletion of the same data. higher: index of the arm that the first is compared with."""
    before, after = [], []
    for run in range(runs):
        whole = list(draw(rng))
        before.append(_delta(whole, higher, run))
        after.append([_delta(take(rng, whole), higher, run) for take in takes])
    return _strength(before, before), tuple(_strength(deltas, before) for deltas in zip(*after, strict=True))


def _delta(arms: Sequence[Scores], other: int, run: int) -> Delta:
    return paired_delta(arms[0], arms[other], seed=run, replicates=1, prior=seed_prior_of(arms))


def _strength(deltas: Sequence[Delta], before: Sequence[Delta]) -> Strength:
    p_values = np.array([1.0 if delta.tested_p is None else delta.tested_p for delta in deltas])
    repeated = np.array([delta.repeated for delta in deltas])
    widths = [_width(delta) / _width(first) for delta, first in zip(deltas, before, strict=True)]
    return Strength(
        widths=np.array(widths),
        p_values=p_values,
        marks=repeated & (p_values <= 0.05),
        verdicts=np.array([_decided(delta) for delta in deltas]),
    )


def _decided(delta: Delta) -> float:
    verdicts = [decide(relation, delta, margin=margin, plan=False) for relation, margin in CLAIMS]
    return sum(verdict.outcome in DECIDED for verdict in verdicts) / len(verdicts)


def _width(delta: Delta) -> float:
    """Of the interval that decides, which covers whatever is missing."""
    interval = delta.tested_interval
    return float("inf") if interval is None else interval[1] - interval[0]


Found = Callable[[int], tuple[Strength, tuple[Strength, ...]]]


def weaker(found: Found, place: int) -> Measure:
    """Width, mean p-value and filled marks before and after: no narrower, no smaller, no more."""

    def row(runs: int) -> tuple[Cell, ...]:
        before, after = found(runs)[0], found(runs)[1][place]
        widened = after.widths[np.isfinite(after.widths)] - 1.0
        return (
            Note(text=f"× {after.width:.2f}", promise="≥ × 1", verdict=_not_below_zero(widened)),
            Note(
                text=f"{before.p:.3f} → {after.p:.3f}",
                promise="no lower",
                verdict=_not_below_zero(after.p_values - before.p_values),
            ),
            Note(
                text=f"{before.marked:.1%} → {after.marked:.1%}",
                promise="no more",
                verdict=_not_below_zero(before.marks.astype(float) - after.marks),
            ),
        )

    return row


def _not_below_zero(changes: np.ndarray) -> Verdict:
    """Whether the mean change is below zero, by more than twice its standard error."""
    if changes.size == 0 or changes.mean() >= 0:
        return "kept"
    return "missed" if changes.mean() < -2 * changes.std() / changes.size**0.5 else "within error"


DELETIONS: dict[str, Taken] = {
    "a seed": one_seed,
    "all seeds but one": all_seeds_but_one,
    "a tenth of the scores": some_scores,
    "half of the examples": some_examples,
    "a fifth of the labels": some_labels,
}
OF_ANOTHER: dict[str, Taken] = {
    "a seed of another arm": a_seed_of_another,
    "all seeds of the last arm": all_seeds_of_the_last,
}
OF_DRAWS: dict[str, Taken] = {"a draw": one_draw, "all draws but one": all_draws_but_one}


def cases() -> dict[str, Measure]:
    """By name: the data, and what is deleted."""
    scores = {
        f"scores, {name}, effect {effect:g}": partial(clustered_scores, deviations=deviations, effect=effect)
        for name, deviations, effect in (
            ("four alike arms", [0.3] * 4, 0.0),
            ("four alike arms", [0.3] * 4, 1.0),
            ("a noisy arm of four", [1.2, *[0.3] * 3], 0.0),
            ("two arms", [0.3] * 2, 1.0),
        )
    }
    answers = {
        f"items of four arms, {rates[0]:.0%} and {rates[1]:.0%} right": partial(
            _arms_of, items(rates, seeds=3, deviation=0.4)
        )
        for rates in ([0.3, *[0.1] * 3], [0.02] * 4)
    }
    draws = {f"draws, effect {effect:g}": partial(drawn_scores, effect=effect) for effect in (0.0, 1.0)}
    beside = {
        f"scores, {name} beside the two compared": partial(clustered_scores, deviations=deviations, effect=0.0)
        for name, deviations in (("alike arms", [0.3] * 6), ("a noisy arm", [*[0.3] * 5, 1.8]))
    }
    unlabelled = {what: take for what, take in DELETIONS.items() if take is not some_labels}
    kinds: tuple[tuple[Mapping[str, Arms], dict[str, Taken]], ...] = (
        (scores, DELETIONS), (answers, unlabelled), (draws, OF_DRAWS), (beside, OF_ANOTHER),
    )  # fmt: skip
    return {
        f"{name}: {what}": weaker(found, place)
        for populations, deletions in kinds
        for name, draw in populations.items()
        for found in [cache(partial(_measured, draw, tuple(deletions.values())))]
        for place, what in enumerate(deletions)
    }


def _measured(draw: Arms, takes: Sequence[Taken], runs: int) -> tuple[Strength, tuple[Strength, ...]]:
    return strengths(draw, takes, runs, rng=np.random.default_rng(9))


def _arms_of(draw: Draw, rng: Rng) -> Sequence[Scores]:
    return draw(rng).arms


TABLE = Table(
    title="Evidence that is taken away",
    about="A difference before and after a random deletion: width of the interval, mean p-value, and share of filled "
    "marks. Missed: worse by more than twice the standard error of the change; of three cells in each of 36 rows two "
    "are so by chance.",
    columns=("width", "mean p", "filled marks"),
    cases=cases(),
)
