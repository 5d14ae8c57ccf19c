"""Looks at a growing number of seeds: how often a difference is found that is not there, and what stopping early saves,
by simulation. Each run trains both arms with 3 to 10 seeds,
one more at each look, on the same examples, and stops at the first look that decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench.stats.conclusions.sequential import Spending, sequential_p
from bench.stats.estimates.paired import paired_delta
from benchmarks.simulations.data import matrix
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

REPLICATES = 100
LOOKS = tuple(range(3, 11))
"""Seeds of each arm at each look."""
Rule = Callable[[Sequence[float]], bool]
"""Whether the latest look decides, from the p-values of all looks so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """effect: true difference. seed: noise of a training. rest: of an example in one training."""

    name: str
    effect: float
    seed: float
    rest: float
    examples: int = 100


TRUTHS = (
    Truth(name="no difference, seeds", effect=0.0, seed=0.1, rest=0.3),
    Truth(name="no difference, mostly examples", effect=0.0, seed=0.02, rest=1.0),
    Truth(name="difference of two standard deviations of a seed", effect=0.2, seed=0.1, rest=0.3),
)


def every_look(p_values: Sequence[float]) -> bool:
    """Uncorrected."""
    return p_values[-1] <= 0.05


def counted(p_values: Sequence[float]) -> bool:
    """Looks that nobody planned, counted as the report does."""
    now = LOOKS[len(p_values) - 1]
    fractions = [seeds / now for seeds in LOOKS[: len(p_values)]]
    return sequential_p(p_values[-1], fractions, "pocock") <= 0.05


def planned(spending: Spending) -> Rule:
    """`[sequential] max_seeds = 10`."""

    def decides(p_values: Sequence[float]) -> bool:
        fractions = [seeds / LOOKS[-1] for seeds in LOOKS[: len(p_values)]]
        return sequential_p(p_values[-1], fractions, spending) <= 0.05

    return decides


RULES: dict[str, Rule] = {
    "uncorrected": every_look,
    "unplanned, counted": counted,
    "planned, O'Brien and Fleming": planned("obrien_fleming"),
    "planned, Pocock": planned("pocock"),
    "one look at 10 seeds": lambda p_values: len(p_values) == len(LOOKS) and p_values[-1] <= 0.05,
}


def p_values(truth: Truth, generator: np.random.Generator, *, seed: int) -> list[float]:
    """Of each look, two-sided."""
    seeds = LOOKS[-1]
    difficulty = generator.normal(size=truth.examples)

    def side(shift: float) -> np.ndarray:
        trainings = shift + truth.seed * generator.normal(size=(seeds, 1))
        return difficulty + trainings + truth.rest * generator.normal(size=(seeds, truth.examples))

    arm, control = side(truth.effect), side(0.0)
    found = []
    for count in LOOKS:
        delta = paired_delta(matrix(arm[:count]), matrix(control[:count]), seed=seed, replicates=REPLICATES)
        assert delta.p_value is not None
        found.append(delta.p_value)
    return found


@cache
def simulate(truth: Truth, runs: int) -> dict[str, tuple[int, float]]:
    """By rule, how many runs decide, and the mean number of seeds that they take."""
    generator = np.random.default_rng(2024)
    taken: dict[str, list[tuple[bool, int]]] = {name: [] for name in RULES}
    for run in range(runs):
        seen = p_values(truth, generator, seed=run // 50)
        for name, rule in RULES.items():
            looks = (seeds for index, seeds in enumerate(LOOKS) if rule(seen[: index + 1]))
            stop = next(looks, None)
            taken[name].append((stop is not None, LOOKS[-1] if stop is None else stop))
    return {
        name: (sum(decided for decided, _ in rows), float(np.mean([seeds for _, seeds in rows])))
        for name, rows in taken.items()
    }


def measured(truth: Truth, rule: str) -> Measure:
    """Runs that decide, the mean number of seeds, and the share of the trainings that stopping early saves."""

    def row(runs: int) -> tuple[Cell, ...]:
        decided, seeds = simulate(truth, runs)[rule]
        promised = (0.0, 5.0) if rule.startswith("planned") and not truth.effect else None
        saved = Note(text=f"{100 * (1 - seeds / LOOKS[-1]):.0f}%")
        return Share(hits=decided, runs=runs, promised=promised), Note(text=f"{seeds:.1f}"), saved

    return row


TABLE = Table(
    title="Looks at a growing number of seeds",
    about="Both arms with 3 to 10 seeds, a look at each number, stopped at the first that decides. The promise of "
    "planned looks: no more than 5% over all looks. *Saved*: of the ten trainings of each arm.",
    columns=("decided", "seeds taken, mean", "saved"),
    cases={f"{truth.name}: {rule}": measured(truth, rule) for truth in TRUTHS for rule in RULES},
)
