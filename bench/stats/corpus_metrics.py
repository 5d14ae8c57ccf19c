"""Corpus metrics of text as functions of summed sufficient statistics, for `corpus_delta` to resample.

Contract: the statistics are sacreBLEU's, in its order, and the values are what it computes from the same sums.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.stats.corpus import Metric
from bench.stats.distributions import FloatArray, floats

_BLEU_ORDERS = 4
_CHRF_BETA = 2.0


def bleu(sums: FloatArray) -> FloatArray:
    """BLEU-4 with exponential smoothing, 0 to 100, of [..., 10] sums → [...].

    Lengths of answers and references, then matched and all n-grams of the answers for n = 1 to 4. 0 where nothing
    matches, or the answers have no 4-gram.
    """
    said, wanted = sums[..., 0], sums[..., 1]
    matched, total = sums[..., 2 : 2 + _BLEU_ORDERS], sums[..., 2 + _BLEU_ORDERS :]
    none = matched <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(none, 0.5 ** np.cumsum(none, axis=-1), matched) / total
        brevity = np.where(said < wanted, np.exp(1.0 - wanted / said), 1.0)
        value = 100.0 * brevity * np.exp(np.log(precision).mean(axis=-1))
    return floats(np.where((matched > 0).any(axis=-1) & (total > 0).all(axis=-1), value, 0.0))


def chrf(sums: FloatArray) -> FloatArray:
    """chrF2, 0 to 100, of [..., 18] sums → [...].

    For n = 1 to 6: character n-grams of the answers, of the references, and matched.
    """
    triples = sums.reshape(*sums.shape[:-1], -1, 3)
    said, wanted, matched = triples[..., 0], triples[..., 1], triples[..., 2]
    counted = (said > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(counted, matched / said, 0.0).sum(axis=-1) / orders
        recall = np.where(counted, matched / wanted, 0.0).sum(axis=-1) / orders
        factor = _CHRF_BETA**2
        value = 100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall)
    return floats(np.where(precision + recall > 0, value, 0.0))


SUPPORT = (0.0, 100.0)
"""Lowest and highest value of each metric here."""

CORPUS_METRICS: Mapping[str, Metric] = {"bleu": bleu, "chrf": chrf}
"""By measure name."""
