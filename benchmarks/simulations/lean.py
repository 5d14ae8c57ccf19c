"""Faster statistics for simulations: what they do not read is left out, and numerical integrals are coarser; and data
that no promise was set after.

The logit curve gets 2,584 points in place of 28,657, as 500 resamples take the place of 10,000; a decision gets 100
draws of its noise in place of 400; the smallest detectable effect beside each difference is not computed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from unittest.mock import patch

import numpy as np

from bench.stats.conclusions import decision
from bench.stats.curves import logit_curve
from bench.stats.estimates import paired

POINTS, STEP = 2_584, 1_597
SCALES = 100


@contextmanager
def coarse_curves() -> Iterator[None]:
    """Within it, intervals of rates are 0.3 to 0.6% wider on average than a report's, single bounds off by up to 3% of
    the width (240 data sets, right or wrong, 1% and 50%)."""
    first, second, weights = logit_curve.lattice(POINTS, STEP)
    pivots = lru_cache(logit_curve._pivots.__wrapped__)  # those of the whole lattice are remembered elsewhere
    with ExitStack() as patches:
        for name, value in (("_FIRST", first), ("_SECOND", second), ("_WEIGHTS", weights), ("_pivots", pivots)):
            patches.enter_context(patch.object(logit_curve, name, value))
        yield


@contextmanager
def lean() -> Iterator[None]:
    """`coarse_curves`, and what simulations do not read is left out."""
    with ExitStack() as patches:
        patches.enter_context(coarse_curves())
        patches.enter_context(patch.object(decision, "_MOST_SCALES", SCALES))
        patches.enter_context(patch.object(paired, "detectable_at", lambda *_: None))
        yield


@contextmanager
def fresh(number: int) -> Iterator[None]:
    """Within it, every random draw is another one, by the number; 0 changes nothing."""
    generator = np.random.default_rng
    with patch.object(np.random, "default_rng", lambda seed: generator([seed, number] if number else seed)):
        yield
