"""Coverage of a judge's rate that a few human labels correct, by simulation. People prefer 60% of 500 pairs; the judge
repeats them, prefers more (its bias), and on some pairs (its noise) says what has nothing to do with them."""

import numpy as np

from bench.stats.estimates.judged.prediction_powered import corrected_rate
from benchmarks.simulations.data import Rng
from benchmarks.simulations.table import Cell, Measure, Note, Share, Table

PAIRS = 500
RATE = 0.6
JUDGES = {"repeats people": (0.0, 0.0), "biased": (0.3, 0.1), "noisy": (0.0, 0.3), "unrelated to people": (0.3, 1.0)}
"""Bias and noise."""


def verdicts(generator: Rng, *, bias: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """People and judge on every pair."""
    people = (generator.random(PAIRS) < RATE).astype(float)
    unrelated = generator.random(PAIRS) < noise
    biased = np.maximum(people, generator.random(PAIRS) < bias)
    return people, np.where(unrelated, generator.random(PAIRS) < RATE + bias, biased).astype(float)


def measured(labelled: int, bias: float, noise: float) -> Measure:
    """Coverage, and the mean width of the interval."""

    def row(runs: int) -> tuple[Cell, ...]:
        generator = np.random.default_rng(2024)
        held, widths = 0, []
        for _ in range(runs):
            people, judge = verdicts(generator, bias=bias, noise=noise)
            found = corrected_rate(people[:labelled], judge[:labelled], judge[labelled:])
            assert found.low is not None
            assert found.high is not None
            held += found.low <= RATE <= found.high
            widths.append(found.high - found.low)
        promised = (93.0, 97.0) if labelled >= 50 else None
        return Share(hits=held, runs=runs, promised=promised), Note(text=f"{np.mean(widths):.3f}")

    return row


TABLE = Table(
    title="Human labels beside a judge",
    about=f"{PAIRS} pairs, of which people prefer {RATE:.0%}.",
    columns=("coverage", "width of the interval, mean"),
    cases={
        f"{labelled} labels, the judge: {name}": measured(labelled, *judge)
        for labelled in (20, 50, 100)
        for name, judge in JUDGES.items()
    },
)
