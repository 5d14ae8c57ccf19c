"""Rates near zero whose trainings differ much: their mean rests on seeds that a few trainings seldom meet. How often a
claim "not worse" on its threshold is supported."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.conclusions.claims import decide
from bench.stats.estimates.paired import paired_delta
from benchmarks.simulations.data import matrix
from benchmarks.simulations.table import Cell, Measure, Share, Table

EXAMPLES = 576


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Both arms' skills in logits, and by how much their seeds differ."""

    seeds: int
    deviation: float
    skills: tuple[float, float]

    @property
    def means(self) -> Sequence[float]:
        """Expected rates, over all seeds."""
        normal = np.linspace(-6.0, 6.0, 4_001)
        weights = np.exp(-0.5 * normal**2) / np.exp(-0.5 * normal**2).sum()
        return [float((weights / (1.0 + np.exp(-(skill + self.deviation * normal)))).sum()) for skill in self.skills]


CASES = {
    f"{seeds} seeds that differ by {deviation:g} logits, skills of {skills[0]:g} and {skills[1]:g}": Case(
        seeds=seeds, deviation=deviation, skills=skills
    )
    for seeds, deviation, skills in (
        (2, 2.0, (-7.0, -6.0)),
        (2, 2.0, (-8.0, -7.0)),
        (3, 2.0, (-7.0, -6.0)),
        (3, 3.0, (-9.0, -8.0)),
    )
}


def measured(case: Case) -> Measure:
    """Claims that are supported, and refuted."""

    def row(runs: int) -> tuple[Cell, ...]:
        rng, (left, right) = np.random.default_rng(1), case.means
        outcomes = []
        for run in range(runs):
            arms = [
                rng.random((case.seeds, EXAMPLES))
                < 1.0 / (1.0 + np.exp(-(skill + case.deviation * rng.normal(size=(case.seeds, 1)))))
                for skill in case.skills
            ]
            delta = paired_delta(*(matrix(arm, binary=True) for arm in arms), seed=run, replicates=50)
            outcomes.append(decide(">=", delta, margin=right - left, plan=False).outcome)
        return tuple(Share(hits=outcomes.count(found), runs=runs) for found in ("supported", "refuted"))

    return row


TABLE = Table(
    title="Rates near zero whose trainings differ much",
    about="Right-or-wrong scores of two arms on 576 examples; the second arm's expected rate is the higher one by the "
    "margin of the claim `>=`, which is on its threshold. Nothing is promised: the mean rests on good seeds, which are "
    "rare.",
    columns=("supported", "refuted"),
    cases={name: measured(case) for name, case in CASES.items()},
)
