"""Arms that share rows, order and draws at equal seeds: their difference with seeds as independent draws, and seed by
seed.

Run from the repository root: `python -m benchmarks.seed_pairs [RUNS [PART-OF-A-NAME]]`. Three data sets, two methods
each; the first method's difference from the second on the first data set, where a share of the seeds' variance is
common to both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.seed_pairs import delta_by_seed, pair_prior
from bench.stats.samples.sample import Scores
from benchmarks.coverage import matrix

RUNS, EXAMPLES, PERCENT = 2_000, 200, 100
Rng = np.random.Generator


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
) + tuple(Case(common=common, rates=True) for common in (0.0, 0.6))


def groups(rng: Rng, case: Case, effect: float) -> list[list[Scores]]:
    """Scores of both methods on each data set; seed noise of 0.3 (0.4 in skill), of seed by example 0.5."""
    example = rng.normal(size=EXAMPLES)
    sets = []
    for data in range(3):
        both = case.common**0.5 * rng.normal(size=(case.seeds, 1))
        arms = []
        for method in range(2):
            seeds = both + (1.0 - case.common) ** 0.5 * rng.normal(size=(case.seeds, 1))
            if case.rates:
                right = rng.random((case.seeds, EXAMPLES)) < expit(0.4 * seeds - example)
                arms.append(matrix(right, binary=True))
            else:
                shift = effect if data == method == 0 else 0.0
                rest = 0.5 * rng.normal(size=(case.seeds, EXAMPLES))
                arms.append(matrix(shift + example + 0.3 * seeds + rest))
        sets.append(arms)
    return sets


def both_ways(sets: Sequence[Sequence[Scores]]) -> tuple[Delta, Delta]:
    """With seeds as independent draws, and by seed."""
    first, second = sets[0]
    prior = seed_prior_of(arm for arms in sets for arm in arms)
    return (
        paired_delta(first, second, seed=0, replicates=1, prior=prior),
        delta_by_seed(first, second, seed=0, replicates=1, prior=pair_prior(sets)),
    )


def simulate(case: Case, runs: int) -> list[tuple[float, float, float]]:
    """In percent, coverage and p-values of at most 5% without a difference, and with one; independent, then paired."""
    rng = np.random.default_rng(17)
    held, false, found = np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(runs):
        null = both_ways(groups(rng, case, 0.0))
        held += [delta.low is not None and delta.high is not None and delta.low <= 0 <= delta.high for delta in null]
        false += [(delta.p_value or 0.0) <= 0.05 for delta in null]
        if case.effect:
            found += [(delta.p_value or 0.0) <= 0.05 for delta in both_ways(groups(rng, case, case.effect))]
    shares = PERCENT * np.stack([held, false, found]) / runs
    return [(float(held_), float(false_), float(found_)) for held_, false_, found_ in shares.T]


def main() -> None:
    """Prints a Markdown table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    part = sys.argv[2] if len(sys.argv) > 2 else ""
    start = time.process_time()
    print("| case | independent: coverage, p ≤ 5%, power | by seed: coverage, p ≤ 5%, power |", flush=True)
    print("| --- | ---: | ---: |", flush=True)
    for case in (case for case in CASES if part in case.name):
        rows = simulate(case, runs)
        cells = [f"{held:.1f}%, {false:.1f}%, {f'{found:.1f}%' if case.effect else '–'}" for held, false, found in rows]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)
    print(f"\n{runs:,} runs each; {time.process_time() - start:,.0f} s of processor time")


if __name__ == "__main__":
    main()
