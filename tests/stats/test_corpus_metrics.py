"""Resampled BLEU and chrF must be the BLEU and chrF that people publish."""

from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from bench.stats.corpus import corpus_delta
from bench.stats.corpus_metrics import CORPUS_METRICS, bleu, chrf

WORDS = ["the", "a", "cat", "dog", "house", "river", "town", "baker", "lives", "near", "small", "in", "and", "sings"]


def corpus(seed: int, examples: int, kept: float) -> tuple[list[str], list[str]]:
    """References, and answers that keep each word of theirs with that probability."""
    generator = np.random.default_rng(seed)
    wanted = [generator.choice(WORDS, size=generator.integers(1, 14)).tolist() for _ in range(examples)]
    said = [[w if generator.random() < kept else str(generator.choice(WORDS)) for w in words] for words in wanted]
    return [" ".join(words) for words in said], [" ".join(words) for words in wanted]


@pytest.mark.parametrize(("metric", "ours"), [(BLEU(force=True), bleu), (CHRF(), chrf)])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_sums_give_sacrebleus_figure(metric: BLEU | CHRF, ours: object, kept: float) -> None:
    """On every size of sample: short ones have n-gram orders without a match, which are smoothed or left out."""
    assert callable(ours)
    for seed in range(40):
        said, wanted = corpus(seed, 1 + seed % 9, kept)
        statistics = np.array(metric._extract_corpus_statistics(said, [wanted]), dtype=float)
        assert ours(statistics.sum(axis=0)) == pytest.approx(metric.corpus_score(said, [wanted]).score)


@pytest.mark.parametrize("name", CORPUS_METRICS)
def test_nothing_said_scores_0_without_a_warning(name: str) -> None:
    size = {"bleu": 10, "chrf": 18}[name]
    with np.errstate(all="raise"):
        assert CORPUS_METRICS[name](np.zeros((2, 3, size))).tolist() == [[0.0] * 3] * 2


def test_a_corpus_delta_of_bleu_finds_the_better_side() -> None:
    metric = BLEU(force=True)
    good, wanted = corpus(1, 150, 0.9)
    poor, _ = corpus(1, 150, 0.7)
    sides = [np.array([metric._extract_corpus_statistics(said, [wanted])], dtype=float) for said in (good, poor)]
    delta = corpus_delta(sides[0], sides[1], bleu, seed=0, replicates=2000)
    difference = metric.corpus_score(good, [wanted]).score - metric.corpus_score(poor, [wanted]).score
    assert delta.estimate == pytest.approx(difference, abs=1.0)
    assert delta.low is not None
    assert delta.low > 0
