"""Sufficient statistics of corpus metrics (BLEU, chrF, perplexity), lined up as scores are.

Contract: as with scores, an example that a replicate lacks is absent for it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.record.results.evals.evaluation import ScoreRow
from bench.stats.samples.corpus_metrics import corpus_metric
from bench.stats.samples.corpus_sample import CorpusScores


def count(
    replicates: Sequence[Sequence[ScoreRow]],
    position: Mapping[tuple[str, str], int],
    metric: str,
    *,
    trained: bool,
    clusters: NDArray[np.int64] | None = None,
    strata: NDArray[np.int64] | None = None,
    pools: NDArray[np.int64] | None = None,
    draws: NDArray[np.int64] | None = None,
) -> CorpusScores | None:
    """Statistics of one arm; `None` where its rows keep none of that metric, or the metric is unknown.

    clusters, strata, pools: of the examples, in the order of `position`. draws: of the replicates.
    """
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
    return CorpusScores(
        metric=definition,
        values=values,
        present=present,
        clusters=clusters,
        strata=strata,
        pools=pools,
        draws=draws,
        trained=trained,
    )
