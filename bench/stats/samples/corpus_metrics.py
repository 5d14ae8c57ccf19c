"""Corpus metrics as functions of summed sufficient statistics, for `corpus_delta` to resample.

Contract: the statistics of BLEU and chrF are sacreBLEU's, in its order, and the values are what it computes from the
same sums; of lm-eval's metrics they are two sums, and the values what lm-eval computes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.stats.arrays import FloatArray, floats

Metric = Callable[[FloatArray], FloatArray]

_BLEU_ORDERS = 4
_CHRF_BETA = 2.0
_LARGEST_EXPONENT = float(np.log(np.finfo(np.float64).max))


def bleu(sums: FloatArray) -> FloatArray:
    """BLEU-4 with exponential smoothing, 0 to 100, of [..., 10] sums → [...].

    Lengths of answers and references, then matched and all n-grams of the answers for n = 1 to 4. 0 where nothing
    matches, or the answers have no 4-gram.
    """
    answered, wanted = sums[..., 0], sums[..., 1]
    matched, total = sums[..., 2 : 2 + _BLEU_ORDERS], sums[..., 2 + _BLEU_ORDERS :]
    none = matched <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(none, 0.5 ** np.cumsum(none, axis=-1), matched) / total
        brevity = np.where(answered < wanted, np.exp(1.0 - wanted / answered), 1.0)
        value = 100.0 * brevity * np.exp(np.log(precision).mean(axis=-1))
    return floats(np.where((matched > 0).any(axis=-1) & (total > 0).all(axis=-1), value, 0.0))


def chrf(sums: FloatArray) -> FloatArray:
    """chrF2, 0 to 100, of [..., 18] sums → [...].

    For n = 1 to 6: character n-grams of the answers, of the references, and matched.
    """
    triples = sums.reshape(*sums.shape[:-1], -1, 3)
    answered, wanted, matched = triples[..., 0], triples[..., 1], triples[..., 2]
    counted = (answered > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(counted, matched / answered, 0.0).sum(axis=-1) / orders
        recall = np.where(counted, matched / wanted, 0.0).sum(axis=-1) / orders
        factor = _CHRF_BETA**2
        value = 100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall)
    return floats(np.where(precision + recall > 0, value, 0.0))


def perplexity(sums: FloatArray) -> FloatArray:
    """exp(-log-likelihood / units) of [..., 2] sums → [...]: log-likelihoods in nats, and words, bytes or examples.

    1 of nothing. Where it would be beyond floating point, the greatest number.
    """
    logprob, units = sums[..., 0], sums[..., 1]
    rate = np.divide(-logprob, units, out=np.zeros_like(logprob), where=units > 0)
    return floats(np.exp(np.minimum(rate, _LARGEST_EXPONENT)))


def rate(sums: FloatArray) -> FloatArray:
    """Right / all of [..., 2] sums → [...], such as of instructions, of which a prompt has several. 0 of nothing."""
    right, total = sums[..., 0], sums[..., 1]
    return floats(np.divide(right, total, out=np.zeros_like(right), where=total > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusMetric:
    """How a corpus metric comes from its sums."""

    of_sums: Metric
    support: tuple[float, float] | None
    """Lowest and highest value; `None` where it has no upper bound."""


_TEXT = (0.0, 100.0)
_PERPLEXITY = CorpusMetric(of_sums=perplexity, support=None)
_RATE = CorpusMetric(of_sums=rate, support=(0.0, 1.0))

CORPUS_METRICS: Mapping[str, CorpusMetric] = {
    "bleu": CorpusMetric(of_sums=bleu, support=_TEXT),
    "chrf": CorpusMetric(of_sums=chrf, support=_TEXT),
    "perplexity": _PERPLEXITY,
    "word_perplexity": _PERPLEXITY,
    "byte_perplexity": _PERPLEXITY,
    "inst_level_strict_acc": _RATE,
    "inst_level_loose_acc": _RATE,
}
"""By measure name."""


def corpus_metric(measure: str) -> CorpusMetric | None:
    """By a measure's name, without the filter that lm-eval's answers may go through (`METRIC:FILTER`)."""
    return CORPUS_METRICS.get(measure.partition(":")[0])
