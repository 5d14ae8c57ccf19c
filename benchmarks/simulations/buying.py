"""Looks at a run that grows by seeds and examples, whichever takes most variance per second: how often a difference is
found that is not there, what stopping early saves, and what is bought. Both arms begin with 3 seeds and 60 examples; a
look may buy one seed of one arm, up to 6, or 80 examples, up to 300, at the prices of the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.stats.conclusions.information import Size, information, variance_at
from bench.stats.conclusions.sequential import Spending, nominal_levels
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from benchmarks.simulations.data import matrix
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

REPLICATES = 100
SEEDS, EXAMPLES = (3, 6), (60, 300)
"""Of each arm, and of the eval: at the first look and at the last planned one."""
STEP = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """effect: true difference. seed: noise of a training. item: of an example's difference between the arms. rest: of
    an example in one training. price: of one seed, in the price of a step of examples. right: scores are right or
    wrong, with noise and effect in logits."""

    name: str
    effect: float
    seed: float
    item: float
    rest: float
    price: float = 1.0
    right: bool = False


TRUTHS = (
    Truth(name="no difference, seeds", effect=0.0, seed=0.3, item=0.3, rest=0.5),
    Truth(name="no difference, examples", effect=0.0, seed=0.03, item=1.0, rest=0.5),
    Truth(name="no difference, both, seeds dear", effect=0.0, seed=0.15, item=1.0, rest=0.5, price=5.0),
    Truth(name="no difference, right or wrong", effect=0.0, seed=0.3, item=1.5, rest=0.0, right=True),
    Truth(name="difference, seeds", effect=0.55, seed=0.3, item=0.3, rest=0.5),
    Truth(name="difference, examples", effect=0.25, seed=0.03, item=1.0, rest=0.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Seeds of arm and control, and examples."""

    seeds: tuple[int, int]
    examples: int

    @property
    def size(self) -> Size:
        return Size(trainings=sum(self.seeds), examples=self.examples)


FIRST = Numbers(seeds=(SEEDS[0], SEEDS[0]), examples=EXAMPLES[0])
LAST = Numbers(seeds=(SEEDS[1], SEEDS[1]), examples=EXAMPLES[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look."""

    numbers: Numbers
    delta: Delta


Rule = Callable[[Sequence[Seen]], bool]
"""Whether the latest look decides."""


def uncorrected(seen: Sequence[Seen]) -> bool:
    """Every look as if it were the only one."""
    return (seen[-1].delta.p_value or 0.0) <= 0.05


def planned(spending: Spending) -> Rule:
    """`[sequential] max_seeds = 6, max_examples = 300`, as the report decides."""

    def decides(seen: Sequence[Seen]) -> bool:
        if not uncorrected(seen):
            return False  # a correction makes no look surer
        sizes = [each.numbers.size for each in seen]
        parts = seen[-1].delta.components if spending == "pocock" else None
        shares = information([*sizes, LAST.size], sizes[-1], parts)[:-1]
        fractions = sorted(set(shares))
        place = fractions.index(shares[-1])
        return (seen[-1].delta.p_value or 0.0) <= nominal_levels(tuple(fractions), 0.05, spending)[place]

    return decides


RULES: dict[str, Rule] = {
    "uncorrected": uncorrected,
    "planned, O'Brien and Fleming": planned("obrien_fleming"),
    "planned, Pocock": planned("pocock"),
    "one look at the end": lambda seen: seen[-1].numbers == LAST and uncorrected(seen),
}


def next_numbers(seen: Seen, truth: Truth) -> Numbers:
    """What the best buy leads to; both arms' seeds count as equally noisy, as in the report."""
    parts, now = seen.delta.components, seen.numbers
    assert parts is not None, "several seeds"
    offers: dict[Numbers, float] = {}
    for side in (0, 1):
        count = now.seeds[side]
        if count < SEEDS[1]:
            fewer = (parts.seed or 0.0) + (parts.rest or 0.0)
            gain = fewer / 2 * (1.0 / count - 1.0 / (count + 1))
            seeds = (count + 1, now.seeds[1]) if side == 0 else (now.seeds[0], count + 1)
            offers[Numbers(seeds=seeds, examples=now.examples)] = gain / truth.price
    if now.examples < EXAMPLES[1]:
        more = Numbers(seeds=now.seeds, examples=now.examples + STEP)
        offers[more] = variance_at(parts, now.size, now.size) - variance_at(parts, now.size, more.size)
    return max(offers, key=lambda numbers: offers[numbers])


def looks(truth: Truth, generator: np.random.Generator, *, seed: int) -> list[Seen]:
    """All looks that a run takes which nothing decides."""
    most, count = EXAMPLES[1], SEEDS[1]
    difficulty, item = generator.normal(size=most), truth.item * generator.normal(size=most)

    def side(shift: float, sign: float) -> np.ndarray:
        trainings = shift + truth.seed * generator.normal(size=(count, 1))
        scores = difficulty + trainings + sign * item / 2
        if truth.right:
            return (generator.random((count, most)) < 1 / (1 + np.exp(-scores))).astype(float)
        return np.asarray(scores + truth.rest * generator.normal(size=(count, most)))

    arms = side(truth.effect, 1.0), side(0.0, -1.0)
    seen, numbers = list[Seen](), FIRST
    while True:
        values = [arm[:seeds, : numbers.examples] for arm, seeds in zip(arms, numbers.seeds, strict=True)]
        delta = paired_delta(matrix(values[0]), matrix(values[1]), seed=seed, replicates=REPLICATES)
        seen.append(Seen(numbers=numbers, delta=delta))
        if numbers == LAST:
            return seen
        numbers = next_numbers(seen[-1], truth)


@cache
def simulate(truth: Truth, runs: int) -> dict[str, list[tuple[bool, Numbers]]]:
    """By rule, of each run whether it decides, and with what numbers it ends."""
    generator = np.random.default_rng(2026)
    ends: dict[str, list[tuple[bool, Numbers]]] = {name: [] for name in RULES}
    for run in range(runs):
        seen = looks(truth, generator, seed=run // 50)
        for name, rule in RULES.items():
            stop = next((number for number in range(len(seen)) if rule(seen[: number + 1])), None)
            ends[name].append((stop is not None, seen[-1 if stop is None else stop].numbers))
    return ends


def measured(truth: Truth, rule: str) -> Measure:
    """Runs that decide, and the means of seeds and examples with which they end."""

    def row(runs: int) -> tuple[Cell, ...]:
        ends = simulate(truth, runs)[rule]
        promised = (0.0, 5.0) if rule.startswith("planned") and not truth.effect else None
        seeds = float(np.mean([sum(numbers.seeds) / 2 for _, numbers in ends]))
        examples = float(np.mean([numbers.examples for _, numbers in ends]))
        decided = Share(hits=sum(decided for decided, _ in ends), runs=runs, promised=promised)
        return decided, Note(text=f"{seeds:.1f}"), Note(text=f"{examples:.0f}")

    return row


TABLE = Table(
    title="Looks at a growing number of seeds and examples",
    about="Both arms begin with 3 seeds and 60 examples; after each look the best buy is added: a seed of one arm (6 "
    "at most) or 80 examples (300 at most). The promise of planned looks: no more than 5% over all looks.",
    columns=("decided", "seeds of an arm, mean", "examples, mean"),
    cases={f"{truth.name}: {rule}": measured(truth, rule) for truth in TRUTHS for rule in RULES},
)
