"""Coverage of the intervals and rate of false positives, by simulation: what `docs/statistics.md` promises, at length.

Run from the repository root: `python -m benchmarks.coverage [RUNS [PART-OF-A-NAME]]`. The tests run the same cases with
fewer runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.estimates.paired import paired_delta
from bench.stats.samples.sample import Scores

REPLICATES = 500
RUNS = 2_000
SHARE = 20
"""Runs in a row with one set of resamples."""
Draw = Callable[[np.random.Generator], tuple[Scores, Scores, float]]
"""Fresh data: arm, reference, and the true difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """low, high: the window that is promised for the coverage, in percent. null: the true difference is zero."""

    name: str
    draw: Draw
    low: float
    high: float
    null: bool = True


def matrix(values: np.ndarray, **fields: object) -> Scores:
    """Scores without gaps and weights, from [seeds, examples] or [examples]."""
    rows = np.atleast_2d(np.asarray(values, dtype=float))
    return Scores(values=rows, present=np.ones(rows.shape, bool), weights=np.ones(rows.shape[1]), **fields)  # type: ignore[arg-type]


def simulate(draw: Draw, runs: int, *, replicates: int = REPLICATES, share: int = 1) -> tuple[float, float]:
    """Coverage of the 95% interval, and the share of p-values of at most 5%, both in percent.

    share: how many runs in a row use one set of resamples. The data are fresh in each; drawing resamples is most of the
    time, so that 50 allow three times the runs.
    """
    generator = np.random.default_rng(2024)
    held = found = 0
    for run in range(runs):
        arm, reference, truth = draw(generator)
        delta = paired_delta(arm, reference, seed=run // share, replicates=replicates)
        assert delta.low is not None
        held += delta.low <= truth <= delta.high
        found += delta.p_value <= 0.05
    return 100 * held / runs, 100 * found / runs


def continuous(examples: int, kind: str) -> Draw:
    """One seed, independent examples."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        base = generator.normal(2, 1, examples)
        noise = {
            "normal": lambda: generator.normal(size=examples),
            "skewed": lambda: generator.exponential(size=examples) - 1,
            "heavy": lambda: generator.standard_t(4, size=examples),
        }[kind]()
        return matrix(base + noise), matrix(base, trained=False), 0.0

    return draw


def clustered(clusters: int, size: int, uneven: bool) -> Draw:
    """One seed; half of the variance is shared within a cluster."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        sizes = generator.integers(1, 2 * size, clusters) if uneven else np.full(clusters, size)
        label = np.repeat(np.arange(clusters), sizes)
        values = (generator.normal(size=clusters)[label] + generator.normal(size=label.size)) * 0.5**0.5
        return matrix(values, clusters=label), matrix(0 * values, trained=False, clusters=label), 0.0

    return draw


def unequal(clusters: int, spread: float, weights: float = 0.0) -> Draw:
    """One seed; cluster sizes, and weights of the examples, from log-normal distributions with these deviations."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        sizes = np.maximum(1, np.round(np.exp(generator.normal(1.5, spread, clusters)))).astype(int)
        label = np.repeat(np.arange(clusters), sizes)
        values = (generator.normal(size=clusters)[label] + generator.normal(size=label.size)) * 0.5**0.5
        weight = np.exp(generator.normal(0, weights, label.size))
        arm, base = matrix(values, clusters=label), matrix(0 * values, trained=False, clusters=label)
        return replace(arm, weights=weight), replace(base, weights=weight), 0.0

    return draw


def binary(examples: int, gain: float, loss: float, clusters: int) -> Draw:
    """Right or wrong, one seed; an example takes its cluster's luck half of the time."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        label = np.arange(examples) % clusters
        shared = generator.random(examples) < 0.5
        luck = np.where(shared, generator.random(clusters)[label], generator.random(examples))
        agree = generator.random(examples) < 0.5
        base = np.where(luck < gain, 0, np.where(luck < gain + loss, 1, agree))
        arm = np.where(luck < gain, 1, np.where(luck < gain + loss, 0, agree))
        return (
            matrix(arm, binary=True, clusters=label),
            matrix(base, binary=True, clusters=label, trained=False),
            gain - loss,
        )

    return draw


def seeded(
    arm: int, control: int, example: float, seed: float, rest: float, *, examples: int = 200, effect: float = 0.0
) -> Draw:
    """Several seeds; control 0: against a base without seeds."""

    def side(generator: np.random.Generator, seeds: int) -> np.ndarray:
        return seed * generator.normal(size=(seeds, 1)) + rest * generator.normal(size=(seeds, examples))

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        left = effect + side(generator, arm) + example * generator.normal(size=examples)
        if control == 0:
            return matrix(left), matrix(np.zeros(examples), trained=False), effect
        return matrix(left), matrix(side(generator, control)), effect

    return draw


def seeded_binary(seeds: int, seed: float, rest: float) -> Draw:
    """Each training passes an example where its skill, plus luck, exceeds the example's difficulty."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        difficulty = generator.normal(size=200)

        def passes() -> np.ndarray:
            skill = seed * generator.normal(size=(seeds, 1)) + rest * generator.normal(size=(seeds, 200))
            return skill > difficulty

        return matrix(passes(), binary=True), matrix(passes(), binary=True), 0.0

    return draw


def ordinal(examples: int) -> Draw:
    """Grades from 1 to 5, one seed; about two in five agree."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        shared = generator.normal(3, 0.7, examples)
        arm, base = (np.clip(np.round(shared + generator.normal(0, 0.7, examples)), 1, 5) for _ in range(2))
        return matrix(arm, bounds=(1.0, 5.0)), matrix(base, bounds=(1.0, 5.0), trained=False), 0.0

    return draw


def judged(examples: int) -> Draw:
    """Wins, ties and losses of a judge against answers whose rate is one half by definition."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        arm = generator.choice([0.0, 0.5, 1.0], size=examples, p=[0.2, 0.5, 0.3])
        half = np.full(examples, 0.5)
        return matrix(arm, bounds=(0.0, 1.0)), matrix(half, bounds=(0.0, 1.0), trained=False), 0.05

    return draw


def tied(examples: int, share: float) -> Draw:
    """One seed; a share of the examples comes out the same to the last digit, the others differ by normal noise."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        differs = generator.random(examples) >= share
        return matrix(differs * generator.normal(size=examples)), matrix(np.zeros(examples), trained=False), 0.0

    return draw


def weighted(examples: int) -> Draw:
    """A loss per token: long examples weigh more, and their means are less noisy."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        weights = np.ceil(np.exp(generator.normal(3, 0.7, examples)))
        arm = matrix(generator.normal(size=examples) / weights**0.25)
        return replace(arm, weights=weights), replace(matrix(np.zeros(examples), trained=False), weights=weights), 0.0

    return draw


def two_tasks(fewer: int, more: int) -> Draw:
    """Tasks of unequal size, averaged with equal weight; the small one is the noisier."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        task = np.repeat([0, 1], [fewer, more])
        arm = generator.normal(size=task.size) * np.where(task == 0, 2.0, 1.0)
        return matrix(arm, strata=task), matrix(0 * arm, strata=task, trained=False), 0.0

    return draw


def seeded_clusters(seeds: int, clusters: int, right_or_wrong: bool) -> Draw:
    """200 examples in clusters, several seeds, against a control with as many."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        label = np.arange(200) % clusters
        difficulty = (generator.normal(size=clusters)[label] + generator.normal(size=200)) * 0.5**0.5

        def side() -> Scores:
            skill = 0.2 * generator.normal(size=(seeds, 1)) + 0.3 * generator.normal(size=(seeds, clusters))[:, label]
            values = skill + 0.5 * generator.normal(size=(seeds, 200)) - difficulty
            if right_or_wrong:
                return matrix(values > 0, clusters=label, binary=True)
            return matrix(values, clusters=label)

        return side(), side(), 0.0

    return draw


def drawn_subsets(draws: int, seeds: int) -> Draw:
    """An arm whose data are drawn several times, with several seeds of each draw, against the base."""

    def draw(generator: np.random.Generator) -> tuple[Scores, Scores, float]:
        label = np.repeat(np.arange(draws), seeds)
        level = 0.2 * generator.normal(size=draws)[label] + 0.2 * generator.normal(size=label.size)
        values = level[:, None] + generator.normal(size=200) + 0.5 * generator.normal(size=(label.size, 200))
        return matrix(values, draws=label), matrix(np.zeros(200), trained=False), 0.0

    return draw


SEED_NOISE = {"both": (1.0, 0.1, 0.5), "no seed noise": (1.0, 0.0, 1.0), "seed noise": (0.5, 0.3, 1.0)}
"""Standard deviations: of examples, of seeds, of examples by seeds."""


def cases() -> list[Case]:
    """Every promise about coverage that is kept by simulation."""
    found = [
        Case(name=f"continuous, {kind}, n = {n}", draw=continuous(n, kind), low=low, high=high)
        for kind in ("normal", "skewed", "heavy")
        for n, low, high in ((50, 93, 97), (200, 94, 96))
    ]
    for clusters, size, uneven, low, high in (
        (10, 5, False, 93, 97),
        (10, 5, True, 93, 97),
        (25, 8, False, 94, 96),
        (40, 5, True, 94, 96),
        (100, 2, True, 94, 96),
    ):
        name = f"continuous, {clusters} clusters of {'about ' if uneven else ''}{size}"
        found.append(Case(name=name, draw=clustered(clusters, size, uneven), low=low, high=high))
    for n, clusters, gain, loss, low, high in (
        (50, 25, 0.2, 0.1, 93, 97),
        (50, 10, 0.2, 0.2, 93, 97),
        (200, 40, 0.1, 0.1, 94, 96),
        (200, 40, 0.15, 0.05, 94, 96),
    ):
        name = f"right or wrong, n = {n} in {clusters} clusters, {gain:.0%} gained, {loss:.0%} lost"
        found.append(Case(name=name, draw=binary(n, gain, loss, clusters), low=low, high=high, null=gain == loss))
    for seeds in (3, 5):
        for name, (example, seed, rest) in SEED_NOISE.items():
            for control in (0, seeds):
                draw = seeded(seeds, control, example, seed, rest)
                against = "control" if control else "base"
                found.append(Case(name=f"{seeds} seeds, {name}, against {against}", draw=draw, low=93, high=98))
        for seed, rest in ((0.1, 0.5), (0.3, 0.5), (0.0, 1.0)):
            name = f"{seeds} seeds, right or wrong, skill ± {seed:g}, luck {rest:g}"
            found.append(Case(name=name, draw=seeded_binary(seeds, seed, rest), low=93, high=98))
    return found + rarer_cases()


def rarer_cases() -> list[Case]:
    """What a sceptic asks for beside: grades, ties, weights, tasks, seeds of clusters, seeds that do not balance."""
    found = []
    for n, low, high in ((50, 93, 97), (200, 94, 96)):
        found += [
            Case(name=f"grades from 1 to 5, n = {n}", draw=ordinal(n), low=low, high=high),
            Case(name=f"wins, ties and losses, n = {n}", draw=judged(n), low=low, high=high, null=False),
            Case(name=f"80% ties, n = {n}", draw=tied(n, 0.8), low=low, high=high if n >= 200 else 100),
        ]
    found += [
        Case(name="weighted by tokens, n = 200", draw=weighted(200), low=94, high=96),
        Case(name="30 clusters, sizes ± 1.0 in logarithms", draw=unequal(30, 1.0), low=93, high=98),
        Case(name="100 clusters, sizes ± 1.5 in logarithms", draw=unequal(100, 1.5), low=93, high=98),
        Case(name="200 clusters of 4, weights ± 1.5 in logarithms", draw=unequal(200, 0.0, 1.5), low=93, high=98),
        Case(name="two tasks, 50 and 150 examples", draw=two_tasks(50, 150), low=94, high=96),
        Case(name="3 draws of a subset, 2 seeds each", draw=drawn_subsets(3, 2), low=93, high=98),
    ]
    for kind, right_or_wrong in (("continuous", False), ("right or wrong", True)):
        for seeds in (3, 5):
            name = f"{seeds} seeds, {kind}, 40 clusters of 5"
            found.append(Case(name=name, draw=seeded_clusters(seeds, 40, right_or_wrong), low=93, high=98))
    for arm, control in ((3, 5), (5, 3), (5, 2)):
        for name, (example, seed, rest) in SEED_NOISE.items():
            draw = seeded(arm, control, example, seed, rest)
            title = f"{arm} seeds against {control} of the control, {name}"
            found.append(Case(name=title, draw=draw, low=93, high=98))
    return found


def main() -> None:
    """Prints a Markdown table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    print("| case | promised | coverage | false positives |\n| --- | ---: | ---: | ---: |", flush=True)
    start = time.perf_counter()
    for case in (case for case in cases() if part in case.name):
        coverage, found = simulate(case.draw, runs, share=SHARE)
        false = f"{found:.1f}%" if case.null else "–"
        print(f"| {case.name} | {case.low:g} to {case.high:g}% | {coverage:.1f}% | {false} |", flush=True)
    print(f"\n{runs:,} runs each, {REPLICATES} bootstrap replicates; {time.perf_counter() - start:,.0f} s")


if __name__ == "__main__":
    main()
