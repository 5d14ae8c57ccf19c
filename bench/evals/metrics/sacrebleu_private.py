"""Corpus metrics of sacreBLEU by their sums, through two private methods of it; nowhere else is one named.

Contract: sacreBLEU's public methods want the same number of references for every answer; its private ones count one
answer at a time, and give what a resampling of answers needs. `tests/evals/test_sacrebleu_private.py` holds their names
and parameters.
"""

from collections.abc import Iterable, Sequence

from sacrebleu.metrics.base import Metric


def corpus_score(metric: Metric, pairs: Iterable[tuple[str, Sequence[str]]]) -> tuple[float, list[list[float]]]:
    """The score of all answers, 0 to 100, and the counts of each answer; `pairs` are answers with their references."""
    counts = [metric._extract_corpus_statistics([p], [[text] for text in texts])[0] for p, texts in pairs]
    total = [sum(column) for column in zip(*counts, strict=True)]
    return metric._compute_score_from_stats(total).score, counts
