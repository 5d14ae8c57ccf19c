"""Scores by seed and arm, and whether arms move together by seed number.

Contract: pure, and descriptive: which arms are compared seed by seed is a matter of the design (`Deltas.shared_rows`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.scores.results import Result
from bench.stats.noise.seed_blocks import moves_together
from bench.suite.tables.arms.arms import is_base


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTable:
    """One measurand. scores: by trained arm, in the order of `seeds`; `None` for a seed without a score.

    paired: groups of arms on the same rows, whose differences are taken seed by seed. together_p: of "the arms do not
    move together by seed number", over the arms with all seeds; `None` where it cannot be tested.
    """

    measurand: str
    seeds: tuple[int, ...]
    scores: Mapping[str, tuple[float | None, ...]]
    together_p: float | None
    paired: tuple[tuple[str, ...], ...]

    @property
    def paired_degrees(self) -> int:
        """Degrees of freedom of the differences that are taken seed by seed, over all groups."""
        return sum(len(group) - 1 for group in self.paired) * (len(self.seeds) - 1)


def seed_tables(
    measurands: Sequence[Measurand],
    results: Mapping[tuple[str, str], Result],
    seeds: Sequence[int],
    *,
    paired: tuple[tuple[str, ...], ...],
) -> tuple[SeedTable, ...]:
    """One per measurand with a score of two seeds at least."""
    tables = []
    for measurand in measurands:
        scores = {
            arm: result.by_seed
            for (arm, name), result in results.items()
            if name == measurand.name and not is_base(arm) and len(result.by_seed) == len(seeds)
        }
        if len(seeds) > 1 and any(value is not None for row in scores.values() for value in row):
            whole = [[value for value in row if value is not None] for row in scores.values()]
            complete = [row for row in whole if len(row) == len(seeds)]
            values = np.array(complete, dtype=np.float64).reshape(len(complete), len(seeds))
            tables.append(
                SeedTable(
                    measurand=measurand.name,
                    seeds=tuple(seeds),
                    scores=scores,
                    together_p=moves_together(values),
                    paired=paired if measurand.per_example else (),
                )
            )
    return tuple(tables)
