"""How much a comparison would know with other numbers of trainings and examples than it has.

The examples are the same for all trainings, and a larger number of either holds the smaller one. The difference at an
earlier look and its change since then are then uncorrelated (crossed random effects: the covariance of two looks is the
variance of the later one), so that looks behave as a Brownian motion in the inverse of the variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.stats.noise.variance import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Numbers behind a comparison. trainings: of both sides together. examples: of the eval; 1 where it has none."""

    trainings: int
    examples: int = 1


def variance_at(parts: Components, now: Size, then: Size) -> float:
    """Variance of the comparison with the trainings and examples of `then`, if `parts` are what it has `now`."""
    seeds, examples = now.trainings / max(1, then.trainings), now.examples / max(1, then.examples)
    seed, rest = (parts.seed or 0.0) / parts.replicates, (parts.rest or 0.0) / parts.replicates
    return parts.example * examples + seed * seeds + rest * seeds * examples


def information(sizes: Sequence[Size], now: Size, parts: Components | None) -> tuple[float, ...]:
    """What each size knows as a share of what the largest knows.

    Where all have the same examples it is the share of the trainings, and where the variance parts are not known that
    of the scores: no size then counts for more than it is, so that looks err less often than they may.
    """
    known = parts is not None and parts.seed is not None and variance_at(parts, now, now) > 0.0
    if known and parts is not None and len({size.examples for size in sizes}) > 1:
        amounts = [1.0 / variance_at(parts, now, size) for size in sizes]
    else:
        amounts = [float(size.trainings * size.examples) for size in sizes]
    return tuple(amount / max(amounts) for amount in amounts)
