"""Values and deltas of corpus metrics that are no mean over examples (BLEU, chrF, a ratio of counts).

Contract: an example enters by its sufficient statistics, and a resample sums them and computes the metric anew.
The spread and the seeds' share of it come from jackknife values (Efron & Tibshirani 1993, chapter 11).
"""

import numpy as np

from bench.stats.corpus_metrics import Metric
from bench.stats.curve import interval
from bench.stats.distributions import FloatArray, floats
from bench.stats.inference import ScoreScale, Side, infer
from bench.stats.paired import LEVEL, REPLICATES, Delta, delta_of, noise_statement
from bench.stats.resample import count_chunks
from bench.stats.sample import layout
from bench.stats.single import Estimate


def corpus_delta(
    arm: FloatArray,
    reference: FloatArray,
    metric: Metric,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    trained: tuple[bool, bool] = (True, True),
) -> Delta:
    """The delta of a corpus metric over the same n >= 1 examples.

    arm, reference: [seeds, examples, statistics], without gaps. metric: sums [..., statistics] → values [...], defined
    for every sum of examples. trained: whether arm and reference have seed noise. n_better and n_worse compare the
    metric's jackknife values.

    Raises ValueError where the shapes do not fit.
    """
    if arm.ndim != 3 or reference.ndim != 3 or arm.shape[1:] != reference.shape[1:] or arm.shape[1] == 0:
        raise ValueError("sufficient statistics must be [seeds, examples, statistics] over the same examples")
    examples = arm.shape[1]
    left, right = jackknife(arm, metric), jackknife(reference, metric)
    generator = np.random.default_rng(seed)
    chunks = [
        _resampled(arm, counts, metric) - _resampled(reference, counts, metric)
        for counts in count_chunks(examples, replicates, generator)
    ]
    plan = layout(np.ones(examples), None, None)
    sides = (Side(values=left, trained=trained[0]), Side(values=right, trained=trained[1]))
    span = float(np.ptp(np.concatenate([left.ravel(), right.ravel()])))
    scale = ScoreScale(binary=False, support=None, seen=(-span, span) if span > 0 else None, pseudo=1)
    inference = infer(*sides, plan, scale, seed=seed, replicates=replicates, draws=np.concatenate(chunks))
    return delta_of(inference, *sides, plan, level)


def corpus_interval(
    statistics: FloatArray,
    metric: Metric,
    *,
    support: tuple[float, float] | None,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    trained: bool = True,
) -> Estimate:
    """A corpus metric's value over n >= 1 examples, averaged over seeds, with its interval.

    statistics: [seeds, examples, statistics], without gaps. support: the metric's lowest and highest value, where
    known. metric, trained: as in `corpus_delta`.
    """
    examples = statistics.shape[1]
    side = Side(values=jackknife(statistics, metric), trained=trained)
    generator = np.random.default_rng(seed)
    draws = [_resampled(statistics, counts, metric) for counts in count_chunks(examples, replicates, generator)]
    plan = layout(np.ones(examples), None, None)
    spread = (float(side.values.min()), float(side.values.max()))
    scale = ScoreScale(
        binary=False, support=support, seen=support or (spread if spread[1] > spread[0] else None), pseudo=2
    )
    inference = infer(side, None, plan, scale, seed=seed, replicates=replicates, draws=np.concatenate(draws))
    low, high = (None, None) if inference.curve is None else interval(inference.curve, level)
    means = tuple(float(value) for value in metric(statistics.sum(axis=1)))
    return Estimate(
        mean=inference.estimate,
        low=low,
        high=high,
        level=level,
        standard_error=inference.standard_error,
        method=inference.method,
        noise=noise_statement(side),
        reason=inference.reason,
        n_examples=examples,
        n_missing=0,
        seeds=len(means),
        seeds_failed=0,
        seed_values=means,
        seed_deviation=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        components=inference.components,
    )


def jackknife(statistics: FloatArray, metric: Metric) -> FloatArray:
    """[seeds, examples] values whose mean is the corpus value and whose spread is its jackknife spread."""
    total = statistics.sum(axis=1, keepdims=True)
    value = metric(total[:, 0])[:, None]
    if statistics.shape[1] == 1:
        return value
    without = metric(total - statistics)
    return floats(value + (statistics.shape[1] - 1) * (without.mean(axis=1, keepdims=True) - without))


def _resampled(statistics: FloatArray, counts: FloatArray, metric: Metric) -> FloatArray:
    """Mean over seeds of the metric of each resample: [replicates]."""
    return floats(metric(np.einsum("ri,sik->srk", counts, statistics, optimize=True)).mean(axis=0))
