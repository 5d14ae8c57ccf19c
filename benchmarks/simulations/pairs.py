"""Arms that share rows, order and draws at equal seeds: their difference with seeds as independent draws, and seed by
seed. Three data sets, two methods each; the first method's difference from the second on the first data set, where a
share of the seeds' variance is common to both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.seed_pairs import by_seed, pair_prior
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import Rng, matrix
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

EXAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """common: share of the seeds' variance that both methods on the same rows have together. effect: of scores, for
    the power; of rates none."""

    common: float
    seeds: int = 3
    rates: bool = False
    effect: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.seeds} seeds, {'right or wrong' if self.rates else 'scores'}, {self.common:.0%} in common"


CASES = tuple(
    Case(common=common, seeds=seeds, effect=effect)
    for seeds, effect, shares in ((3, 0.85, (0.0, 0.3, 0.6, 0.9)), (5, 0.65, (0.0, 0.6)))
    for common in shares
) + tuple(Case(common=common, seeds=seeds, rates=True) for seeds in (3, 5) for common in (0.0, 0.6))


def groups(rng: Rng, case: Case) -> list[list[Scores]]:
    """Scores of both methods on each data set, all equal; seed noise of 0.3 (0.4 in skill), of seed by example 0.5."""
    example = rng.normal(size=EXAMPLES)
    sets = []
    for _ in range(3):
        both = case.common**0.5 * rng.normal(size=(case.seeds, 1))
        arms = []
        for _ in range(2):
            seeds = both + (1.0 - case.common) ** 0.5 * rng.normal(size=(case.seeds, 1))
            if case.rates:
                right = rng.random((case.seeds, EXAMPLES)) < expit(0.4 * seeds - example)
                arms.append(matrix(right, binary=True))
            else:
                rest = 0.5 * rng.normal(size=(case.seeds, EXAMPLES))
                arms.append(matrix(example + 0.3 * seeds + rest))
        sets.append(arms)
    return sets


def both_ways(sets: Sequence[Sequence[Scores]], effects: Sequence[float]) -> list[tuple[Delta, Delta]]:
    """With seeds as independent draws, and by seed, for each effect that is added to the first arm; seeds are as noisy
    with it as without."""
    first, second = sets[0]
    prior, paired = seed_prior_of(arm for arms in sets for arm in arms), pair_prior(sets)
    found = []
    for effect in effects:
        arm = replace(first, values=first.values + effect)
        found.append(
            (
                paired_delta(arm, second, seed=0, replicates=1, prior=prior),
                paired_delta(arm, second, seed=0, replicates=1, prior=paired, pairing=by_seed),
            )
        )
    return found


def measured(case: Case) -> Measure:
    """Coverage and p-values of at most 5% without a difference, and power with one; independent, then by seed."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng = np.random.default_rng(17)
        held, false, found = (np.zeros(2, dtype=int) for _ in range(3))
        for _ in range(runs):
            null, *real = both_ways(groups(rng, case), (0.0, case.effect) if case.effect else (0.0,))
            held += [
                delta.low is not None and delta.high is not None and delta.low <= 0 <= delta.high for delta in null
            ]
            false += [(delta.p_value or 0.0) <= 0.05 for delta in null]
            for deltas in real:
                found += [(delta.p_value or 0.0) <= 0.05 for delta in deltas]
        cells: list[Cell] = []
        for way, (window, most) in enumerate(((None, None), ((93.0, 98.0), (0.0, 7.0)))):
            cells += [
                Share(hits=int(held[way]), runs=runs, promised=window),
                Share(hits=int(false[way]), runs=runs, promised=most),
                Share(hits=int(found[way]), runs=runs) if case.effect else Note(text="–"),
            ]
        return tuple(cells)

    return row


TABLE = Table(
    title="Arms on the same rows",
    about="Three data sets, two methods each; the difference of both methods on one data set "
    "([decision 31](../docs/decisions/0031-seeds-paired-on-shared-rows.md)). *In common*: the share of the seeds' "
    "variance that both methods on the same rows have together. 200 examples, seeds with noise of 0.3 (0.4 in skill), "
    "noise of seed by example 0.5; power at a difference of 0.85 with three seeds, 0.65 with five.",
    columns=(
        "independent: coverage", "p ≤ 5%", "power",
        "by seed: coverage", "p ≤ 5%", "power",
    ),
    cases={case.name: measured(case) for case in CASES},
)  # fmt: skip
