"""What takes evidence away never raises confidence: strength of a comparison before and after a random deletion.

Run from the repository root: `python -m benchmarks.evidence [RUNS [PART-OF-A-NAME]]`. In each run a seed, scores,
examples or cluster labels of fresh data are deleted at random, and the difference of an arm and its control is
computed again. `tests/stats` has the same with fewer runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.samples.sample import Scores
from benchmarks.arms import Population, items
from benchmarks.coverage import matrix

RUNS = 2_000
Rng = np.random.Generator
Taken = Callable[[Rng, Sequence[Scores]], list[Scores]]
"""The same arms, the first two of which lack something; examples are deleted from all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Means over runs. width: of the interval, in units of the one before. p: the p-value, by which marks and claims
    are decided; 1 where there is none. marked: share of filled marks."""

    width: float
    p: float
    marked: float


def one_seed(rng: Rng, arms: Sequence[Scores]) -> list[Scores]:
    """A seed of the arm is lost."""
    return [_without_rows(arms[0], [int(rng.integers(arms[0].values.shape[0]))]), *arms[1:]]


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
    """A fifth of the examples lacks its cluster's label, as the report reads such rows: one cluster of their own."""
    assert arms[0].clusters is not None
    labels = np.where(rng.random(arms[0].n_examples) < 0.2, arms[0].clusters.max() + 1, arms[0].clusters)
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
    draw: Callable[[Rng], Sequence[Scores]], take: Taken, runs: int, *, rng: Rng, higher: int = 1
) -> tuple[Strength, Strength]:
    """Before and after the deletion, over the same data. higher: index of the arm that the first is compared with."""
    pairs = []
    for run in range(runs):
        whole = list(draw(rng))
        part = take(rng, whole)
        pairs.append([_delta(arms, higher, run) for arms in (whole, part)])
    before, after = zip(*pairs, strict=True)
    return _strength(before, before), _strength(after, before)


def _delta(arms: Sequence[Scores], other: int, run: int) -> Delta:
    return paired_delta(arms[0], arms[other], seed=run, replicates=1, prior=seed_prior_of(arms))


def _strength(deltas: Sequence[Delta], before: Sequence[Delta]) -> Strength:
    widths = [
        (delta.high - delta.low) / (first.high - first.low)
        for delta, first in zip(deltas, before, strict=True)
        if delta.low is not None and delta.high is not None and first.low is not None and first.high is not None
    ]
    p_values = [1.0 if delta.p_value is None else delta.p_value for delta in deltas]
    return Strength(
        width=float(np.mean(widths)) if widths else float("inf"),
        p=float(np.mean(p_values)),
        marked=float(np.mean([delta.repeated and p <= 0.05 for delta, p in zip(deltas, p_values, strict=True)])),
    )


def cases() -> list[tuple[str, Callable[[Rng], Sequence[Scores]], Taken]]:
    """Name, data, and what is deleted."""
    populations: list[tuple[str, Callable[[Rng], Sequence[Scores]]]] = []
    for name, deviations in (("alike arms", [0.3] * 6), ("a noisy arm", [1.2, *[0.3] * 5]), ("two arms", [0.3] * 2)):
        for effect in (0.0, 1.0):
            title = f"scores, {name}, effect {effect:g}"
            populations.append(
                (title, lambda rng, d=deviations, e=effect: clustered_scores(rng, d, effect=e))  # type: ignore[misc]
            )
    for rates in ([0.5] * 6, [0.3, *[0.1] * 5], [0.02] * 6):
        draw: Callable[[Rng], Population] = items(rates, seeds=3, deviation=0.4)
        populations.append((f"items, {rates[0]:.0%} and {rates[1]:.0%} right", lambda rng, d=draw: d(rng).arms))  # type: ignore[misc]
    deletions: dict[str, Taken] = {
        "a seed": one_seed,
        "all seeds but one": all_seeds_but_one,
        "a tenth of the scores": some_scores,
        "half of the examples": some_examples,
        "a fifth of the labels": some_labels,
    }
    found = [
        (f"{name}: {what}", population, take)
        for name, population in populations
        for what, take in deletions.items()
        if take is not some_labels or name.startswith("scores")
    ]
    for effect in (0.0, 1.0):
        draws = lambda rng, e=effect: drawn_scores(rng, effect=e)  # noqa: E731  # named below
        found += [(f"draws, effect {effect:g}: a draw", draws, one_draw)]
        found += [(f"draws, effect {effect:g}: all draws but one", draws, all_draws_but_one)]
    return found


def main() -> None:
    """Prints a Markdown table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    print("| data: what is deleted | width | mean p | filled marks |\n| --- | ---: | ---: | ---: |")
    for name, draw, take in (case for case in cases() if part in case[0]):
        before, after = strengths(draw, take, runs, rng=np.random.default_rng(9))
        pairs = [
            f"× {after.width:.2f}",
            f"{before.p:.3f} → {after.p:.3f}",
            f"{before.marked:.1%} → {after.marked:.1%}",
        ]
        print(f"| {name} | {' | '.join(pairs)} |", flush=True)
    print(f"\n{runs:,} runs each")


if __name__ == "__main__":
    main()
