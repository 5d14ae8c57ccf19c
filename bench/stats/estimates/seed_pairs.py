"""The delta of two subjects taken seed by seed, where trainings of equal seeds share rows and their order.

Contract: as `bench.stats.estimates.paired`. What equal seeds share cancels; a seed that either side lacks is lost to
both. Whether seeds are paired is a matter of the design, and never chosen by a look at the scores.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bench.stats.arrays import BoolArray, IntArray
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import by_example
from bench.stats.estimates.replicates import noise_statement, plan_of, replicate_rows, seed_prior_of, side_of
from bench.stats.noise.moderation import SeedPrior
from bench.stats.samples.sample import Scores


def pair_prior(groups: Iterable[Sequence[Scores]]) -> SeedPrior | None:
    """What all arms that share rows say together about the noise of their differences. groups: of arms on the same
    rows; of each, as many differences as are independent."""
    return seed_prior_of(seed_differences(*pair) for group in groups for pair in pairwise(group))


def seed_differences(arm: Scores, reference: Scores) -> Scores:
    """Differences [seeds, examples] of trainings with the same seed; missing where either score is."""
    present = arm.present & reference.present
    ends = arm.rate_ends
    span = None if ends is None else ends[1] - ends[0]
    return replace(
        arm,
        values=np.where(present, arm.values - reference.values, 0.0),
        present=present,
        binary=False,
        bounds=None if span is None else (-span, span),
        draws=_shared_draws(arm.draws),
    )


def _shared_draws(draws: IntArray | None) -> IntArray | None:
    """Labels of the draws where some has several seeds; else what a draw adds cancels as all else that a seed does."""
    return None if draws is None or np.unique(draws).size == draws.size else draws


def by_seed(
    arm: Scores, reference: Scores, *, seed: int, replicates: int, level: float, prior: SeedPrior | None
) -> Delta:
    """A `Pairing`: row n of one side with row n of the other. prior: `pair_prior` of the eval's arms."""
    pairs = seed_differences(arm, reference)
    nothing = np.zeros((1, pairs.n_examples))
    zero = replace(pairs, values=nothing, present=np.ones_like(nothing, dtype=np.bool_), draws=None, trained=False)
    delta = by_example(pairs, zero, seed=seed, replicates=replicates, level=level, prior=prior)
    failed = sum(int((~side.present.any(axis=1)).sum()) for side in (arm, reference))
    delta = replace(
        delta, reference_seeds=delta.arm_seeds, seeds_failed=failed,
        method=delta.method.replace("paired:", "paired by seed:"),
    )  # fmt: skip
    if delta.estimate is None:
        return delta
    kept: BoolArray = np.asarray(pairs.present.any(axis=0))
    noise = noise_statement(side_of(pairs, replicate_rows(pairs, kept)), prior=prior, of="pairs of arms")
    mean = float(plan_of(reference, kept).mean(replicate_rows(reference, kept).mean(axis=0)))
    return replace(
        delta,
        noise=delta.noise if delta.noise == "none" else f"{noise}, paired by seed",
        arm_mean=mean + delta.estimate,
        reference_mean=mean,
    )
