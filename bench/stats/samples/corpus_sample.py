"""Sufficient statistics of a corpus metric as arrays, and the metric of any sum or resample of them.

Contract: as `bench.stats.samples.sample`, with a vector of statistics in place of a score. Each stratum (task) has a
corpus value of its own; strata are averaged with equal weight, those of one pool by their examples. Pure.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray, IntArray, floats, grouped_sums
from bench.stats.samples.corpus_metrics import CorpusMetric, Metric
from bench.stats.samples.resample import count_chunks
from bench.stats.samples.sample import Layout, layout, several_draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorpusScores:
    """The statistics of the seed replicates of one arm.

    values: [seeds, examples, statistics]; 0.0 where missing. present: [seeds, examples]. clusters, strata, draws,
    trained: as in `Scores`. pools: [examples], labels of strata whose examples count equally; None: each its own.
    """

    metric: CorpusMetric
    values: FloatArray
    present: BoolArray
    clusters: IntArray | None = None
    strata: IntArray | None = None
    pools: IntArray | None = None
    draws: IntArray | None = None
    trained: bool = True

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[1] == 0 or self.present.shape != self.values.shape[:2]:
            raise ValueError("sufficient statistics must be [seeds, examples, statistics] over the same examples")

    @property
    def missing_share(self) -> float:
        """Share of the examples that the seeds with any score lack."""
        alive = self.present[self.present.any(axis=1)]
        return float((~alive).mean()) if alive.size else 0.0

    def part(self, kept: BoolArray) -> "CorpusScores":
        """Some of the examples alone."""
        return replace(
            self,
            values=self.values[:, kept],
            present=self.present[:, kept],
            clusters=None if self.clusters is None else self.clusters[kept],
            strata=None if self.strata is None else self.strata[kept],
            pools=None if self.pools is None else self.pools[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorpusRows:
    """Complete statistics of the replicates that have any. values: [seeds, examples, statistics]. weights: [rows,
    seeds]: how a row (a seed, or a subset draw of several seeds) is averaged. drawn: whether the seeds learned from
    several subset draws."""

    values: FloatArray
    weights: FloatArray
    seeds: int
    failed: int
    drawn: bool


def complete_rows(scores: CorpusScores) -> CorpusRows:
    """Statistics without gaps; every example was scored by some seed.

    A gap holds the mean of the seeds that have the example, times what the seed's sums are to those means elsewhere:
    statistics are counts, so that a seed's effect is a factor.
    """
    alive = scores.present.any(axis=1)
    values, present = scores.values[alive], scores.present[alive][..., None]
    example = values.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    expected = np.where(present, example, 0.0).sum(axis=1)
    factor = np.divide(values.sum(axis=1), expected, out=np.ones_like(expected), where=expected != 0)
    rows = np.where(present, values, example * factor[:, None])
    draws = np.arange(rows.shape[0]) if scores.draws is None else scores.draws[alive]
    labels = np.unique(draws)
    if labels.size < 2:
        labels = draws = np.arange(rows.shape[0])
    same = (draws == labels[:, None]).astype(np.float64)
    return CorpusRows(
        values=rows,
        weights=same / same.sum(axis=1, keepdims=True),
        seeds=int(alive.sum()),
        failed=int((~alive).sum()),
        drawn=several_draws(scores.draws),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorpusPlan:
    """How examples add up: `plan` for means of examples, and a metric of sums within each stratum."""

    plan: Layout
    metric: Metric
    weight: FloatArray = field(init=False)
    """[strata], sums to 1."""

    def __post_init__(self) -> None:
        weight = grouped_sums(self.plan.stratum, self.plan.mass, self.plan.n_strata)
        object.__setattr__(self, "weight", weight)

    def value(self, statistics: FloatArray) -> FloatArray:
        """The corpus value of [..., examples, statistics] → [...]."""
        label = self.plan.stratum[self.plan.unit]
        parts = [self.metric(statistics[..., label == task, :].sum(axis=-2)) for task in range(self.plan.n_strata)]
        return floats(np.tensordot(self.weight, np.stack(parts), axes=1))

    def units(self, statistics: FloatArray) -> FloatArray:
        """Sums within each sampling unit: [seeds, examples, k] → [seeds, units, k]."""
        sums = np.zeros((statistics.shape[0], self.plan.n_units, statistics.shape[2]))
        np.add.at(sums.swapaxes(0, 1), self.plan.unit, statistics.swapaxes(0, 1))
        return sums

    def jackknife(self, statistics: FloatArray) -> FloatArray:
        """[seeds, examples] values whose weighted mean is the corpus value, and whose spread over sampling units is its
        jackknife spread (a unit's share of its stratum times what leaving it out changes)."""
        sums = self.units(statistics)
        values = np.zeros(statistics.shape[:2])
        for task in range(self.plan.n_strata):
            inside = np.flatnonzero(self.plan.stratum == task)
            part, mass = sums[:, inside], self.plan.mass[inside] / self.weight[task]
            total = part.sum(axis=1, keepdims=True)
            whole = self.metric(total[:, 0])[:, None]
            shift = np.zeros((statistics.shape[0], inside.size))
            if inside.size > 1:
                shift = (1.0 - mass) * (whole - self.metric(total - part))
                shift = shift - mass * shift.sum(axis=1, keepdims=True)
            of_unit = dict(zip(inside.tolist(), range(inside.size), strict=True))
            examples = np.flatnonzero(self.plan.stratum[self.plan.unit] == task)
            place = np.array([of_unit[unit] for unit in self.plan.unit[examples].tolist()], dtype=np.int64)
            values[:, examples] = whole + (shift / mass)[:, place]
        return values

    def resampled(self, sides: tuple[CorpusRows, ...], *, seed: int, replicates: int) -> list[FloatArray]:
        """Corpus value of each side in each resample of the units within their strata: [replicates] per side."""
        generator = np.random.default_rng(seed)
        totals = [np.zeros(replicates) for _ in sides]
        sums = [self.units(side.values) for side in sides]
        for task in range(self.plan.n_strata):
            inside = np.flatnonzero(self.plan.stratum == task)
            start = 0
            for counts in count_chunks(inside.size, replicates, generator):
                for side, total, units in zip(sides, totals, sums, strict=True):
                    drawn = np.einsum("ru,suk->srk", counts, units[:, inside], optimize=True)
                    by_seed = side.weights.mean(axis=0) @ self.metric(drawn)
                    total[start : start + counts.shape[0]] += self.weight[task] * by_seed
                start += counts.shape[0]
        return totals


def corpus_plan(scores: CorpusScores) -> CorpusPlan:
    """The plan of the examples of one side, which its comparison shares."""
    examples = scores.values.shape[1]
    plan = layout(np.ones(examples), scores.clusters, scores.strata)
    if scores.pools is not None:
        _, pool, size = np.unique(scores.pools, return_inverse=True, return_counts=True)
        share = 1.0 / size[pool] / size.size
        plan = replace(plan, share=share, mass=grouped_sums(plan.unit, share, plan.n_units))
    return CorpusPlan(plan=plan, metric=scores.metric.of_sums)
