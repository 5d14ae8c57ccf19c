"""Whether arms move together by seed number, as they may where equal seeds share rows, draws or their order.

Contract: descriptive. Which differences are paired by seed is a matter of the design
(`bench.stats.estimates.seed_pairs`), and never of this.
"""

from bench.stats.arrays import FloatArray
from bench.stats.curves.distributions import f_tail


def moves_together(values: FloatArray) -> float | None:
    """p-value of the seeds in a two-way analysis of variance (Fisher 1925) of [arms, seeds] values.

    One-sided: small where all arms are high, or low, with the same seeds. `None` for fewer than two arms or seeds, and
    where nothing varies.
    """
    arms, seeds = values.shape
    if min(arms, seeds) < 2:
        return None
    centred = values - values.mean(axis=1, keepdims=True)
    by_seed = centred.mean(axis=0)
    between = arms * float((by_seed**2).sum()) / (seeds - 1)
    within = float(((centred - by_seed) ** 2).sum()) / ((arms - 1) * (seeds - 1))
    if within <= 1e-24 * max(1.0, float(abs(values).max()) ** 2):
        return None
    return f_tail(between / within, seeds - 1, (arms - 1) * (seeds - 1))
