"""Sufficient statistics of corpus metrics (BLEU, chrF, perplexity), lined up as scores are, and the values and paired
deltas from them.

Contract: as with scores, a replicate without any example is left out, and so is an example that a remaining replicate
lacks; both are counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.record.evaluation import ScoreRow
from bench.stats.corpus import corpus_delta, corpus_interval
from bench.stats.corpus_metrics import CorpusMetric, corpus_metric
from bench.stats.paired import LONE_SURVIVOR, Delta, untested
from bench.stats.single import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorpusCounts:
    """One arm's statistics of one metric."""

    metric: CorpusMetric
    values: NDArray[np.float64]
    """[seeds, examples, statistics]."""
    present: NDArray[np.bool_]
    """[seeds, examples]."""
    trained: bool
    """Whether the arm has seed noise; the base has none."""

    @property
    def missing_share(self) -> float:
        """Share of the examples that the seeds with any score lack."""
        alive = self.present[self.present.any(axis=1)]
        return float((~alive).mean()) if alive.size else 0.0

    @property
    def lone_survivor(self) -> bool:
        """Whether one seed alone is left of several."""
        return self.trained and self.values.shape[0] > 1 and int(self.present.any(axis=1).sum()) == 1


def count(
    replicates: Sequence[Sequence[ScoreRow]], position: Mapping[tuple[str, str], int], metric: str, *, trained: bool
) -> CorpusCounts | None:
    """Statistics of one arm; `None` where its rows keep none of that metric, or the metric is unknown."""
    sizes = {len(row.statistics[metric]) for rows in replicates for row in rows if metric in row.statistics}
    definition = corpus_metric(metric)
    if definition is None or len(sizes) != 1:
        return None
    shape = (len(replicates), len(position))
    values, present = np.zeros((*shape, sizes.pop())), np.zeros(shape, dtype=np.bool_)
    for seed, rows in enumerate(replicates):
        for row in rows:
            if metric in row.statistics:
                at = position[row.task, row.id]
                values[seed, at], present[seed, at] = row.statistics[metric], True
    return CorpusCounts(metric=definition, values=values, present=present, trained=trained)


def counts_delta(arm: CorpusCounts, reference: CorpusCounts, *, seed: int, replicates: int) -> Delta | None:
    """arm - reference, in units of the metric; `None` where no example has both."""
    seeds, reference_seeds = arm.present.any(axis=1), reference.present.any(axis=1)
    kept = arm.present[seeds].all(axis=0) & reference.present[reference_seeds].all(axis=0)
    if not (seeds.any() and reference_seeds.any() and kept.any()):
        return None
    delta = corpus_delta(
        arm.values[seeds][:, kept],
        reference.values[reference_seeds][:, kept],
        arm.metric.of_sums,
        seed=seed,
        replicates=replicates,
        trained=(arm.trained, reference.trained),
    )
    failed = int((~seeds).sum() + (~reference_seeds).sum())
    if arm.lone_survivor or reference.lone_survivor:
        delta = untested(delta, LONE_SURVIVOR)
    return replace(delta, n_missing=int((~kept).sum()), seeds_failed=failed)


def counts_value(arm: CorpusCounts, *, seed: int, replicates: int) -> Estimate | None:
    """The metric's value with its interval, over the examples that every seed has; `None` where there is none."""
    seeds = arm.present.any(axis=1)
    kept = arm.present[seeds].all(axis=0)
    if not (seeds.any() and kept.any()):
        return None
    estimate = corpus_interval(
        arm.values[seeds][:, kept],
        arm.metric.of_sums,
        support=arm.metric.support,
        seed=seed,
        replicates=replicates,
        trained=arm.trained,
    )
    if arm.lone_survivor:
        estimate = replace(
            estimate, low=None, high=None, standard_error=None, method="none", noise="none", components=None,
            reason=LONE_SURVIVOR,
        )  # fmt: skip
    return replace(estimate, n_missing=int((~kept).sum()), seeds_failed=int((~seeds).sum()))
