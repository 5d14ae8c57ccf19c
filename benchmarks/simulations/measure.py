"""How often an interval holds the truth, and a difference is found, over fresh data."""

from dataclasses import dataclass

import numpy as np

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from benchmarks.simulations.data import Draw, Population
from benchmarks.simulations.table import Share

REPLICATES = 500
SAME_RESAMPLES = 20
"""Runs in a row with one set of resamples: the data are fresh in each, and drawing resamples is most of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """held: 95% intervals that hold the truth. at_5, at_half: p-values of at most 5% and 0.5%. width: mean, of the
    intervals."""

    held: Share
    at_5: Share
    at_half: Share
    width: float


def compare(people: Population, run: int, *, moderated: bool = True, replicates: int = REPLICATES) -> Delta:
    """The difference of the first arm and the reference, as a report has it. moderated: with what all arms say of
    their seeds."""
    prior = seed_prior_of(people.arms) if moderated else None
    return paired_delta(people.arms[0], people.reference, seed=run, replicates=replicates, prior=prior)


def measure(
    draw: Draw,
    runs: int,
    *,
    moderated: bool = True,
    replicates: int = REPLICATES,
    same: int = SAME_RESAMPLES,
    seed: int = 2024,
) -> Measured:
    """same: as `SAME_RESAMPLES`. seed: of the data. Where all scores are equal there is no interval: nothing is held,
    nothing found."""
    rng = np.random.default_rng(seed)
    held, p_values, widths = 0, np.ones(runs), 0.0
    for run in range(runs):
        people = draw(rng)
        delta = compare(people, run // same, moderated=moderated, replicates=replicates)
        if delta.low is None or delta.high is None or delta.p_value is None:
            continue
        held += delta.low <= people.truth <= delta.high
        p_values[run] = delta.p_value
        widths += delta.high - delta.low
    return Measured(
        held=Share(hits=held, runs=runs),
        at_5=Share(hits=int((p_values <= 0.05).sum()), runs=runs),
        at_half=Share(hits=int((p_values <= 0.005).sum()), runs=runs),
        width=widths / runs,
    )
