"""A subject's scores as complete rows: one per seed, or one per subset draw where the draws are what is repeated.

Contract: pure; gaps are filled from the seed's own scores, and a seed without any score has no row.
"""

from collections.abc import Iterable

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray
from bench.stats.estimates.missing import fill_gaps
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.seed_term import pooled_prior
from bench.stats.noise.side import Side
from bench.stats.samples.sample import Layout, Scores, layout, several_draws


def seed_prior_of(arms: Iterable[Scores]) -> SeedPrior | None:
    """What the seeds of all arms of one eval say together; each arm over the examples that a seed of it has.

    Bases, arms whose seeds learned from subset draws, and arms with a single seed say nothing; equal scores count once.
    """
    sides: list[tuple[Side, Layout]] = []
    ends: set[tuple[float, float] | None] = set()
    gone = 0
    distinct = {(arm.values.tobytes(), arm.present.tobytes()): arm for arm in arms}
    for arm in distinct.values():
        kept: BoolArray = np.asarray(arm.present.any(axis=0))
        if not arm.trained or several_draws(arm.draws):
            continue
        if kept.any():
            sides.append((side_of(arm, replicate_rows(arm, kept)), plan_of(arm, kept)))
            ends.add(arm.rate_ends)
        else:
            gone += arm.values.shape[0] > 1
    return pooled_prior(sides, ends=ends.pop(), gone=gone) if len(ends) == 1 else None


def side_of(scores: Scores, rows: FloatArray) -> Side:
    """The side that complete rows of these scores are: see `replicate_rows`."""
    short = rows.shape[0] < scores.values.shape[0]
    return Side(values=rows, trained=scores.trained, drawn=several_draws(scores.draws), short=short)


def noise_statement(
    arm: Side, reference: Side | None = None, prior: SeedPrior | None = None, *, of: str = "arms"
) -> str:
    """Which sources of noise an interval covers, in the report's words. of: what the prior was taken over."""
    trained = [side for side in (arm, reference) if side is not None and side.trained]
    if max((side.values.shape[0] for side in trained), default=1) < 2:
        return "example noise only"
    drawn = ", and that of subset draws" if any(side.drawn for side in trained) else ""
    if prior is None or not prior.enough or not any(side.comparable for side in trained):
        return f"example and training-seed noise{drawn}"
    if not prior.usable:
        why = "an arm lost its seeds" if prior.alike else "the arms' noise differs"
        return f"example and training-seed noise, each arm's own, as {why}{drawn}"
    return f"example and training-seed noise, the latter moderated over {prior.arms} {of}{drawn}"


def plan_of(scores: Scores, kept: BoolArray) -> Layout:
    """The layout of the examples that were kept (at least one)."""
    clusters = None if scores.clusters is None else scores.clusters[kept]
    return layout(scores.weights[kept], clusters, None if scores.strata is None else scores.strata[kept])


def rows_within(scores: Scores, kept: BoolArray) -> BoolArray:
    """Which replicates have a score of a kept example: [seeds]."""
    return np.asarray(scores.present[:, kept].any(axis=1))


def replicate_rows(scores: Scores, kept: BoolArray) -> FloatArray:
    """Values [rows, kept examples] of the replicates that have any of them, gaps filled: a row per seed or, with two
    subset draws or more, per draw (the mean of its seeds: replicates of one draw are not independent)."""
    alive = rows_within(scores, kept)
    bounds = (0.0, 1.0) if scores.binary else scores.bounds
    values = fill_gaps(scores.values[alive][:, kept], scores.present[alive][:, kept], scores.weights[kept], bounds)
    draws = None if scores.draws is None else scores.draws[alive]
    if draws is None or not several_draws(draws):
        return values
    return np.stack([values[draws == draw].mean(axis=0) for draw in np.unique(draws)])
