"""The seeded bootstrap over sampling units, vectorised.

Contract: what is drawn depends only on `seed` and the data, not on the order of the examples; swapping arm and
reference mirrors the result exactly. Memory stays near 1 MB, and at most 64 MB more for resamples that are kept.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from bench.stats.arrays import CountArray, FloatArray, IntArray
from bench.stats.samples.sample import Layout

_CHUNK_CELLS = 64_000  # resample counts held at once: small enough to stay in cache
_KEPT_CELLS = 8_000_000  # of a set of resamples that is kept for the next delta over as many units: 16 MB


def count_chunks(units: int, replicates: int, generator: np.random.Generator) -> Iterator[FloatArray]:
    """How often each unit was drawn, with replacement: arrays [rows, units] whose rows add up to `replicates`.

    A weighted sum over a resample is then one matrix product, for any statistic that is made of sums.
    """
    rows = max(1, _CHUNK_CELLS // units)
    for start in range(0, replicates, rows):
        size = min(rows, replicates - start)
        drawn: IntArray = generator.integers(0, units, size=(size, units), dtype=np.uint32).astype(np.int64)
        drawn += (np.arange(size) * units)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.float64)


def _counts(units: int, replicates: int, seed: int) -> Iterator[FloatArray]:
    """`count_chunks` of a fresh generator; drawing them is most of a bootstrap, so equal ones are drawn once."""
    if units * replicates > _KEPT_CELLS:
        yield from count_chunks(units, replicates, np.random.default_rng(seed))
    else:
        for kept in _kept_counts(units, replicates, seed):
            yield kept.astype(np.float64)


@lru_cache(maxsize=4)
def _kept_counts(units: int, replicates: int, seed: int) -> tuple[CountArray, ...]:
    drawn = count_chunks(units, replicates, np.random.default_rng(seed))
    return tuple(counts.astype(np.uint16) for counts in drawn)  # no count is above `units`


def studentised_draws(totals: FloatArray, plan: Layout, *, seed: int, replicates: int) -> FloatArray:
    """Bootstrap draws of (resampled value - value) / its standard error, sorted: the distribution of the pivot.

    totals: [units], sums of share * x. Units are resampled within strata; the value of a stratum is a ratio of sums.
    Efron & Tibshirani 1993, chapter 12.5 (bootstrap-t). Replicates without any spread are left out.
    """
    generator = np.random.default_rng(seed)
    sign = _orientation(totals, plan)
    shift, variance = np.zeros(replicates), np.zeros(replicates)
    for stratum in range(plan.n_strata):
        inside = plan.stratum == stratum
        bottom = plan.mass[inside]
        residual = totals[inside] - bottom * (totals[inside].sum() / bottom.sum())
        top, bottom = _canonical(sign * residual, bottom)
        columns = np.stack([top, bottom, top**2, top * bottom, bottom**2], axis=1)
        single = plan.n_strata == 1
        drawn = _counts(top.size, replicates, seed) if single else count_chunks(top.size, replicates, generator)
        sums = np.concatenate([counts @ columns for counts in drawn])
        ratio = sums[:, 0] / sums[:, 1]
        squares = sums[:, 2] - 2.0 * ratio * sums[:, 3] + ratio**2 * sums[:, 4]
        scale = bottom.sum() / sums[:, 1]
        shift += bottom.sum() * ratio
        variance += top.size / (top.size - 1) * np.maximum(squares, 0.0) * scale**2
    spread = variance > 1e-12 * float(np.median(variance))
    draws = sign * shift[spread] / np.sqrt(variance[spread])
    return np.sort(draws)


def _orientation(totals: FloatArray, plan: Layout) -> float:
    """+1 or -1, such that the negated data get the opposite: both are then resampled by the same draws."""
    size = float(np.abs(totals).sum())
    if abs(totals.sum()) > 1e-12 * size:
        return float(np.sign(totals.sum()))
    third = float((totals**3).sum())
    return 1.0 if abs(third) <= 1e-12 * float(np.abs(totals**3).sum()) else float(np.sign(third))


def _canonical(top: FloatArray, bottom: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The units in an order of their own values, so that the examples' order cannot matter."""
    order = np.lexsort((bottom, top))
    return top[order], bottom[order]
