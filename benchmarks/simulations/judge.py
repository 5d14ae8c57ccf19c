"""Coverage of the interval of a judge's rate at equal length, with clusters, seeds, draws and gaps.
Wins follow the model that is fitted: the log odds are quality plus length, with noise of clusters, seeds and draws."""

from dataclasses import dataclass

import numpy as np

from bench.stats.estimates.judged.length_control import JudgedPairs, length_controlled
from benchmarks.simulations.data import Rng
from benchmarks.simulations.table import Cell, Measure, Share, Table

REPLICATES = 100
QUALITY, EFFECT, DEVIATION = 0.4, 1.0, 60.0
TRUTH = 1 / (1 + np.exp(-QUALITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """repeats: pairs of a cluster, with one verdict for all. noise: of seeds, or of draws with two seeds each, in log
    odds. known: whether the statistics know of the clusters or draws."""

    name: str
    pairs: int = 200
    repeats: int = 1
    seeds: int = 1
    draws: int = 0
    noise: float = 0.0
    missing: float = 0.0
    known: bool = True


CASES = (
    Case(name="200 pairs"),
    Case(name="50 clusters of 4", repeats=4),
    Case(name="50 clusters of 4, taken as independent", repeats=4, known=False),
    Case(name="3 seeds", seeds=3, noise=0.15),
    Case(name="3 draws of 2 seeds", seeds=6, draws=3, noise=0.25),
    Case(name="3 draws of 2 seeds, taken as 6 seeds", seeds=6, draws=3, noise=0.25, known=False),
    Case(name="5 seeds that each lack a random fifth", seeds=5, noise=0.15, missing=0.2),
)


def one_run(rng: Rng, case: Case) -> JudgedPairs:
    """Fresh verdicts of one arm."""
    distinct = case.pairs // case.repeats
    drawn = np.repeat(np.arange(case.draws), case.seeds // case.draws) if case.draws else np.arange(case.seeds)
    shift = case.noise * rng.normal(size=int(drawn.max()) + 1)[drawn][:, None]
    differences = rng.normal(20, DEVIATION, (case.seeds, distinct))
    odds = QUALITY + shift + EFFECT * np.tanh(differences / DEVIATION)
    wins = rng.random(differences.shape) < 1 / (1 + np.exp(-odds))
    clusters = np.repeat(np.arange(distinct), case.repeats) if case.repeats > 1 and case.known else None
    return JudgedPairs(
        preferences=np.repeat(wins, case.repeats, axis=1).astype(float),
        differences=np.repeat(differences, case.repeats, axis=1),
        present=rng.random((case.seeds, case.pairs)) >= case.missing,
        clusters=clusters,
        draws=drawn if case.draws and case.known else None,
        trained=case.seeds > 1,
    )


def measured(case: Case) -> Measure:
    """Coverage of the 95% interval."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(21)
        held = 0
        for run in range(runs):
            found = length_controlled(one_run(rng, case), seed=run, replicates=REPLICATES)
            assert found is not None
            held += found.low <= TRUTH <= found.high  # type: ignore[operator]  # it has an interval
        return (Share(hits=held, runs=runs, promised=(93.0, 98.0) if case.known else None),)

    return row


TABLE = Table(
    title="A judge's rate at equal length",
    about="Wins drawn from the model that is fitted. *Taken as*: without clusters and draws.",
    columns=("coverage",),
    cases={case.name: measured(case) for case in CASES},
)
