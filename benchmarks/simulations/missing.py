"""Coverage of a difference whose scores are missing at random, or for a reason: as scored, and by its worst cases.
Right-or-wrong scores of items with a latent difficulty, against a control with as many seeds."""

from dataclasses import dataclass

import numpy as np

from bench.stats.estimates.paired import paired_delta
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import Rng
from benchmarks.simulations.table import Cell, Measure, Share, Table

REPLICATES = 200
EXAMPLES, SKILL_NOISE = 300, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """missing, missing_wrong: probability that a score, and that a wrong answer's score, is missing from the arm."""

    name: str
    seeds: int
    missing: float = 0.0
    missing_wrong: float = 0.0
    effect: float = 0.0


CASES = (
    Case(name="5 seeds, none missing", seeds=5),
    Case(name="5 seeds, a random 20% missing of each", seeds=5, missing=0.2),
    Case(name="3 seeds, a random 50% missing of each", seeds=3, missing=0.5),
    Case(name="3 seeds, 10% of the wrong answers missing", seeds=3, missing_wrong=0.1),
    Case(name="3 seeds, 60% of the wrong answers missing", seeds=3, missing_wrong=0.6),
    Case(name="1 seed, 60% of the wrong answers missing", seeds=1, missing_wrong=0.6),
)


def side(rng: Rng, difficulty: np.ndarray, case: Case, effect: float) -> np.ndarray:
    """Right or wrong: [seeds, examples]."""
    skill = effect + SKILL_NOISE * rng.normal(size=(case.seeds, 1)) * (case.seeds > 1)
    return rng.random((case.seeds, difficulty.size)) < 1 / (1 + np.exp(difficulty - skill))


def scores(right: np.ndarray, present: np.ndarray | None = None) -> Scores:
    there = np.ones(right.shape, dtype=bool) if present is None else present
    values = np.where(there, right, 0.0).astype(float)
    return Scores(values=values, present=there, weights=np.ones(values.shape[1]), binary=True)


def measured(case: Case) -> Measure:
    """Coverage as scored and of the bounds' interval, and marks of no difference by either."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(8)
        held = bounded = marked = decided = 0
        for run in range(runs):
            difficulty = 1.5 * rng.normal(size=EXAMPLES)
            right, control = side(rng, difficulty, case, case.effect), side(rng, difficulty, case, 0.0)
            present = rng.random(right.shape) >= np.where(right, case.missing, max(case.missing, case.missing_wrong))
            delta = paired_delta(scores(right, present), scores(control), seed=run, replicates=REPLICATES)
            assert delta.low is not None
            assert delta.high is not None
            low, high = delta.tested_interval or (delta.low, delta.high)
            held += delta.low <= 0 <= delta.high
            bounded += low <= 0 <= high
            marked += (delta.p_value or 0) <= 0.05
            decided += (delta.tested_p or 0) <= 0.05
        widest = 98.0 if case.missing < 0.5 else 100.0  # of what half of the scores say, that it is not too narrow
        at_random = None if case.missing_wrong else (93.0, widest)
        return (
            Share(hits=held, runs=runs, promised=at_random),
            Share(hits=bounded, runs=runs, promised=(93.0, 100.0)),
            Share(hits=marked, runs=runs),
            Share(hits=decided, runs=runs, promised=(0.0, 7.0)),
        )

    return row


TABLE = Table(
    title="Missing scores",
    about="Right-or-wrong scores of 300 items with a latent difficulty, an arm against an equal control with as many "
    "seeds, scores missing from the arm alone.",
    columns=("covered as scored", "by the bounds", "p ≤ 5% as scored", "by the bounds"),
    cases={case.name: measured(case) for case in CASES},
)
