"""Coverage of the 95% intervals of two subjects' difference and of one subject's value, and false positives."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from bench.stats.estimates.single import score_interval
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import (
    Draw,
    Rng,
    binary,
    clustered,
    continuous,
    few_gains,
    half_shared,
    judged,
    matrix,
    ordinal,
    tied,
    two_tasks,
    unequal,
    weighted,
)
from benchmarks.simulations.measure import REPLICATES, SAME_RESAMPLES, measure
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table
from benchmarks.simulations.trained import (
    SEED_NOISE,
    drawn_subsets,
    items,
    seeded,
    seeded_binary,
    seeded_clusters,
    uneven_noise,
)

Window = tuple[float, float]
LARGE, SMALL, SEEDS = (94.0, 96.0), (93.0, 97.0), (93.0, 98.0)
"""Promised coverage, in percent: of one seed with 100 examples or more, with fewer, and of several seeds."""


def covers(draw: Draw, window: Window | None, *, null: bool = True) -> Measure:
    """Coverage, and p-values of at most 5% where there is no difference: as many as the coverage leaves, at most."""

    def row(runs: int) -> tuple[Cell, ...]:
        found = measure(draw, runs, moderated=False)
        most = None if window is None else (0.0, 100.0 - window[0])
        false = Share(hits=found.at_5.hits, runs=runs, promised=most) if null else Note(text="–")
        return Share(hits=found.held.hits, runs=runs, promised=window), false

    return row


def one_seed() -> dict[str, Measure]:
    """Independent examples, clusters, weights, tasks."""
    found: dict[str, Measure] = {}
    for n, window in ((50, SMALL), (200, LARGE)):
        for kind in ("normal", "skewed", "heavy"):
            found[f"continuous, {kind}, n = {n}"] = covers(continuous(n, kind), window)
        found[f"grades from 1 to 5, n = {n}"] = covers(ordinal(n), window)
        found[f"wins, ties and losses of a judge, n = {n}"] = covers(judged(n), window, null=False)
    for clusters, size, uneven, window in (
        (10, 5, False, SMALL),
        (10, 5, True, SMALL),
        (25, 8, False, LARGE),
        (40, 5, True, LARGE),
        (100, 2, True, LARGE),
    ):
        name = f"continuous, {clusters} clusters of {'about ' if uneven else ''}{size}"
        found[name] = covers(clustered(clusters, size, uneven), window)
    for clusters, spread, weights in ((30, 1.0, 0.0), (100, 1.5, 0.0), (200, 0.0, 1.5)):
        sizes = f", sizes ± {spread}" if spread else f" of 4, weights ± {weights}"
        found[f"continuous, {clusters} clusters{sizes} in logarithms"] = covers(
            unequal(clusters, spread, weights), SEEDS
        )
    for n, clusters, gain, loss, window in (
        (50, 25, 0.2, 0.1, SMALL),
        (50, 10, 0.2, 0.2, SMALL),
        (200, 40, 0.1, 0.1, LARGE),
        (200, 40, 0.15, 0.05, LARGE),
    ):
        name = f"right or wrong, n = {n} in {clusters} clusters, {gain:.0%} gained, {loss:.0%} lost"
        found[name] = covers(binary(n, gain, loss, clusters), window, null=gain == loss)
    return found | {
        "weighted by tokens, n = 200": covers(weighted(200), LARGE),
        "two tasks, 50 and 150 examples": covers(two_tasks(50, 150), LARGE),
        "80% ties, n = 200": covers(tied(200, 0.8), LARGE),
        "80% ties, n = 50: ten differ": covers(tied(50, 0.8), None),
        "n = 50, about five differ, all gains with a long tail": covers(few_gains(50, 5), None, null=False),
    }


def several_seeds() -> dict[str, Measure]:
    """Two subjects, each with the noise of its own seeds."""
    found: dict[str, Measure] = {}
    for seeds in (3, 5):
        for name, deviations in SEED_NOISE.items():
            for against, control in (("base", 0), ("control", seeds)):
                found[f"{seeds} seeds, {name}, against {against}"] = covers(seeded(seeds, control, *deviations), SEEDS)
        for skill, luck in ((0.1, 0.5), (0.3, 0.5), (0.0, 1.0)):
            name = f"{seeds} seeds, right or wrong, skill ± {skill:g}, luck {luck:g}"
            found[name] = covers(seeded_binary(seeds, skill, luck), SEEDS)
        for kind, right_or_wrong in (("continuous", False), ("right or wrong", True)):
            for spread, sizes in ((0.0, "of 5"), (1.0, "of unequal size")):
                draw = seeded_clusters(seeds, 40, right_or_wrong, spread)
                found[f"{seeds} seeds, {kind}, 40 clusters {sizes}"] = covers(draw, SEEDS)
    for arm, control in ((3, 5), (5, 3), (5, 2)):
        for name, deviations in SEED_NOISE.items():
            title = f"{arm} seeds against {control} of the control, {name}"
            found[title] = covers(seeded(arm, control, *deviations), SEEDS if control > 2 else None)
    return found | {
        "3 seeds, the arm with three times the control's seed noise": covers(uneven_noise(3, 0.9, 0.3), SEEDS),
        "5 seeds, the arm with three times the control's seed noise": covers(uneven_noise(5, 0.9, 0.3), SEEDS),
        "3 seeds, items, 1% right, control": covers(items([0.01] * 2, seeds=3, deviation=0.4), SEEDS),
        "3 seeds, items, 99% right, control": covers(items([0.99] * 2, seeds=3, deviation=0.4), SEEDS),
        "3 draws of a subset, 2 seeds each": covers(drawn_subsets(3, 2), SEEDS),
        "3 draws of a subset, 2 seeds each, taken as 6 seeds": covers(drawn_subsets(3, 2, known=False), None),
    }


ValueDraw = Callable[[Rng], Scores]


def value_covers(draw: ValueDraw, truth: float, window: Window) -> Measure:
    """Coverage of the interval of one subject's value."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng, held = np.random.default_rng(7), 0
        for run in range(runs):
            value = score_interval(draw(rng), seed=run // SAME_RESAMPLES, replicates=REPLICATES)
            assert value.low is not None
            assert value.high is not None
            held += value.low <= truth <= value.high
        return (Share(hits=held, runs=runs, promised=window),)

    return row


def rates(seeds: int, examples: int, clusters: int = 0) -> ValueDraw:
    """Right or wrong, half right on average; items with a latent difficulty, half of which is the cluster's."""

    def draw(rng: Rng) -> Scores:
        label = np.arange(examples) % clusters if clusters else np.arange(examples)
        skill = 0.3 * rng.normal(size=(seeds, 1)) * (seeds > 1)
        right = rng.random((seeds, examples)) < expit(skill - half_shared(rng, label))
        return matrix(right, binary=True, clusters=label if clusters else None)

    return draw


def levels(seeds: int, examples: int) -> ValueDraw:
    """Scores without ends, mean zero."""

    def draw(rng: Rng) -> Scores:
        seed = 0.1 * rng.normal(size=(seeds, 1)) * (seeds > 1)
        return matrix(rng.normal(size=examples) + seed + 0.5 * rng.normal(size=(seeds, examples)))

    return draw


def values() -> dict[str, Measure]:
    """One subject alone."""
    found = {}
    for seeds, examples, window in ((1, 50, SMALL), (1, 200, LARGE), (3, 200, SEEDS), (5, 200, SEEDS)):
        size = f"{seeds} {'seed' if seeds == 1 else 'seeds'}, n = {examples}"
        found[f"right or wrong, {size}"] = value_covers(rates(seeds, examples), 0.5, window)
        found[f"continuous, {size}"] = value_covers(levels(seeds, examples), 0.0, window)
    for seeds, window in ((1, LARGE), (3, SEEDS)):
        size = f"{seeds} {'seed' if seeds == 1 else 'seeds'}, n = 200 in 40 clusters"
        found[f"right or wrong, {size}"] = value_covers(rates(seeds, 200, 40), 0.5, window)
    return found


COLUMNS = ("coverage", "p ≤ 5% without a difference")
TABLES = (
    Table(
        title="Differences of one seed",
        about="An arm and the base. Right-or-wrong scores on independent examples are not simulated: "
        "`tests/stats/test_coverage.py` adds up every table that can occur.",
        columns=COLUMNS,
        cases=one_seed(),
    ),
    Table(
        title="Differences of several seeds",
        about="Two subjects alone, each with the noise of its own seeds, on 200 examples. "
        "*Both*: noise of examples, seeds, and seed by example.",
        columns=COLUMNS,
        cases=several_seeds(),
    ),
    Table(title="Values", about="One subject's own value.", columns=("coverage",), cases=values()),
)
