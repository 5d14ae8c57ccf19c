"""Whether an effect is found as often as planned: the smallest detectable one, and the examples or seeds that decide.

The noise is known, and the effect is the planned one; 80% are to be found."""

from statistics import median

import numpy as np

from bench.stats.estimates.delta import LEVEL, detectable_at
from bench.stats.estimates.power import detectable_effect, needed
from bench.stats.noise.variance import Components
from benchmarks.simulations.data import Draw
from benchmarks.simulations.measure import compare, measure
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table
from benchmarks.simulations.trained import EXAMPLES, SEED_NOISE, items, seeded

FOUND = (75.0, 85.0)
"""Promised: percent of the runs."""
SKILL_NOISE, SEEN_RUNS = 0.4, 200


def parts(seeds: int, sides: int, example: float, seed: float, rest: float, *, examples: int) -> Components:
    """The true variances of a difference: of an arm and the base (one side), or the control with as many seeds."""
    return Components(
        example=example**2 / examples,
        seed=sides * seed**2,
        rest=sides * rest**2 / examples,
        example_degrees=examples - 1,
        seed_degrees=sides * (seeds - 1),
        replicates=seeds,
        most_replicates=seeds,
    )


def found(
    seeds: int, sides: int, noise: tuple[float, float, float], *, examples: int, effect: float, what: str
) -> Measure:
    """Share of runs with p ≤ 5%."""
    draw = seeded(seeds, seeds if sides == 2 else 0, *noise, examples=examples, effect=effect)

    def row(runs: int) -> tuple[Cell, ...]:
        return Note(text=what), Share(hits=measure(draw, runs).at_5.hits, runs=runs, promised=FOUND)

    return row


def detectable(seeds: int, sides: int, noise: tuple[float, float, float]) -> Measure:
    """The effect that the report calls detectable, planted."""
    own = parts(seeds, sides, *noise, examples=EXAMPLES)
    assert own.seed is not None
    assert own.rest is not None
    effect = detectable_effect(
        own.example**0.5,
        own.example_degrees,
        seed_error=((own.seed + own.rest) / seeds) ** 0.5,
        seed_degrees=own.seed_degrees or 1.0,
        seeds=seeds,
    )
    return found(seeds, sides, noise, examples=EXAMPLES, effect=effect, what=f"an effect of {effect:.3f}")


def detectable_rate(rate: float, *, arms: int, seen: float, base: bool = False) -> Measure:
    """The effect that the report calls detectable, in the median of runs whose arms have `seen` right, planted upwards
    from the rate of the control, or of the base; promised where that is what they have right."""

    def draw(planted: float) -> Draw:
        others = [planted] * (arms - 1) if base else [rate] * (arms - 1)
        return items([planted, *others], seeds=3, deviation=SKILL_NOISE, base=rate if base else None)

    def row(runs: int) -> tuple[Cell, ...]:
        rng, known = np.random.default_rng(11), draw(seen)
        sizes = [detectable_at(compare(known(rng), run), LEVEL) for run in range(SEEN_RUNS)]
        effect = median(size for size in sizes if size is not None)
        found = measure(draw(rate + effect), runs).at_5
        promised = FOUND if seen == rate else None
        return Note(text=f"an effect of {effect:.3f}"), Share(hits=found.hits, runs=runs, promised=promised)

    return row


def more_examples(seeds: int, sides: int, noise: tuple[float, float, float], *, effect: float) -> Measure:
    """As many examples as decide what 100 leave open."""
    own = parts(seeds, sides, *noise, examples=100)
    own = own if seeds > 1 else Components(example=own.example, seed=None, rest=None, example_degrees=99)
    count = needed(effect, own, examples=100).examples
    assert count is not None
    return found(seeds, sides, noise, examples=count, effect=effect, what=f"{count} examples")


def more_seeds(seeds: int, sides: int, noise: tuple[float, float, float], *, effect: float) -> Measure:
    """As many seeds as decide what `seeds` leave open."""
    count = needed(effect, parts(seeds, sides, *noise, examples=EXAMPLES), examples=EXAMPLES).seeds
    assert count is not None
    return found(count, sides, noise, examples=EXAMPLES, effect=effect, what=f"{count} seeds")


def cases() -> dict[str, Measure]:
    """By name."""
    rows = {}
    for seeds in (3, 5):
        for name, noise in SEED_NOISE.items():
            for against, sides in (("base", 1), ("control", 2)):
                rows[f"detectable: {seeds} seeds, {name}, against {against}"] = detectable(seeds, sides, noise)
    for rate in (0.02, 0.1, 0.5):
        for arms in (2, 6):
            name = f"detectable: 3 seeds, right or wrong, {arms} arms, control with {rate:.0%}"
            rows[name] = detectable_rate(rate, arms=arms, seen=rate)
    for rate, seen in ((0.02, 0.02), (0.1, 0.1), (0.005, 0.5), (0.1, 0.5), (0.5, 0.5)):
        name = f"detectable: 3 seeds, right or wrong, 6 arms with {seen:.0%}, base with {rate:g}"
        rows[name] = detectable_rate(rate, arms=6, seen=seen, base=True)
    noisy = SEED_NOISE["seed noise"]
    return rows | {
        "more examples: one seed, effect 0.15": more_examples(1, 1, (1.0, 0.0, 0.0), effect=0.15),
        "more examples: 3 seeds against the base, effect 0.2": more_examples(3, 1, (1.0, 0.02, 0.5), effect=0.2),
        "more examples: 3 seeds against 3, effect 0.15": more_examples(3, 2, (1.0, 0.02, 0.5), effect=0.15),
        "more seeds: against the base, effect 0.3": more_seeds(3, 1, noisy, effect=0.3),
        "more seeds: against the control, effect 0.3": more_seeds(3, 2, noisy, effect=0.3),
        "more seeds: against the control, seed noise alone, effect 0.4": more_seeds(3, 2, (0.0, 0.3, 0.0), effect=0.4),
    }


TABLE = Table(
    title="Planned samples",
    about="An effect is planted that the report calls detectable, or the run gets as many examples or seeds as are "
    "to decide it; 80% are to be found.",
    columns=("planned", "found"),
    cases=cases(),
)
