"""Resampled BLEU and chrF must be the BLEU and chrF that people publish."""

import numpy as np
import pytest
from lm_eval.api.metrics import perplexity, weighted_perplexity
from lm_eval.tasks.ifeval.utils import agg_inst_level_acc
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from bench.stats.estimates.corpus import corpus_delta
from bench.stats.samples.corpus_metrics import CORPUS_METRICS, bleu, chrf, corpus_metric
from bench.stats.samples.corpus_sample import CorpusScores, complete_rows, corpus_plan
from bench.stats.samples.resample import count_chunks

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


@pytest.mark.parametrize(("name", "metric"), [("bleu", BLEU(force=True)), ("chrf", CHRF())])
def test_a_resample_of_clusters_is_sacrebleus_figure_of_the_texts_that_it_draws(name: str, metric: BLEU | CHRF) -> None:
    """Koehn 2004's bootstrap, with whole clusters: every text of a drawn cluster, as often as it was drawn."""
    said, wanted = corpus(3, 24, 0.6)
    label = np.arange(24) % 6
    statistics = np.array([metric._extract_corpus_statistics(said, [wanted])], dtype=float)
    scores = CorpusScores(
        metric=CORPUS_METRICS[name], values=statistics, present=np.ones((1, 24), dtype=bool), clusters=label
    )
    draws = corpus_plan(scores).resampled((complete_rows(scores),), seed=11, replicates=20)[0]
    (counts,) = count_chunks(6, 20, np.random.default_rng(11))
    for value, drawn in zip(draws, counts, strict=True):
        rows = np.repeat(np.arange(24), drawn[label].astype(int))
        texts = [said[row] for row in rows], [[wanted[row] for row in rows]]
        assert value == pytest.approx(metric.corpus_score(*texts).score)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_nothing_said_scores_0_without_a_warning(name: str) -> None:
    size = {"bleu": 10, "chrf": 18}[name]
    with np.errstate(all="raise"):
        assert CORPUS_METRICS[name].of_sums(np.zeros((2, 3, size))).tolist() == [[0.0] * 3] * 2


def test_a_corpus_delta_of_bleu_finds_the_better_side() -> None:
    metric = BLEU(force=True)
    good, wanted = corpus(1, 150, 0.9)
    poor, _ = corpus(1, 150, 0.7)
    sides = [np.array([metric._extract_corpus_statistics(said, [wanted])], dtype=float) for said in (good, poor)]
    scores = [
        CorpusScores(metric=CORPUS_METRICS["bleu"], values=side, present=np.ones(side.shape[:2], dtype=bool))
        for side in sides
    ]
    delta = corpus_delta(scores[0], scores[1], seed=0, replicates=2000)
    difference = metric.corpus_score(good, [wanted]).score - metric.corpus_score(poor, [wanted]).score
    assert delta.estimate == pytest.approx(difference, abs=1.0)
    assert delta.low is not None
    assert delta.low > 0


def test_perplexity_is_lm_evals_and_defined_for_every_sum() -> None:
    """A resample may hold nothing but empty texts, or texts that a broken model finds all but impossible."""
    logprobs, words = [-12.5, -3.0, -40.25], [5, 2, 11]
    ours = CORPUS_METRICS["word_perplexity"].of_sums
    pairs = list(zip(logprobs, words, strict=True))
    assert ours(np.array(pairs, dtype=float).sum(axis=0)) == pytest.approx(weighted_perplexity(pairs))
    assert ours(np.array([[logprob, 1.0] for logprob in logprobs]).sum(axis=0)) == pytest.approx(perplexity(logprobs))
    with np.errstate(all="raise"):
        assert ours(np.array([[0.0, 0.0], [-1e9, 1.0]])).tolist() == pytest.approx([1.0, np.finfo(float).max])


def test_a_rate_over_instructions_weighs_a_prompt_by_how_many_it_has() -> None:
    followed = [[True], [True, False, False], [False, False]]
    sums = np.array([[sum(one), len(one)] for one in followed], dtype=float).sum(axis=0)
    assert CORPUS_METRICS["inst_level_loose_acc"].of_sums(sums) == pytest.approx(agg_inst_level_acc(followed))
    assert CORPUS_METRICS["inst_level_loose_acc"].of_sums(np.zeros(2)) == 0


def test_a_filter_does_not_change_what_a_metric_is() -> None:
    assert corpus_metric("word_perplexity:none") is CORPUS_METRICS["word_perplexity"]
    assert corpus_metric("f1") is None


def test_answers_shorter_than_their_references_pay_for_it() -> None:
    """BLEU's brevity: exp(1 - wanted / said), as sacreBLEU has it; none at equal length."""
    metric = BLEU(force=True)
    wanted = ["the baker lives in a small town near the river", "three cows and two sheep live there"]
    for said in ([text.rsplit(" ", 2)[0] for text in wanted], wanted, [f"{text} and more" for text in wanted]):
        sums = np.array(metric._extract_corpus_statistics(said, [wanted]), dtype=float).sum(axis=0)
        assert CORPUS_METRICS["bleu"].of_sums(sums) == pytest.approx(metric.corpus_score(said, [wanted]).score)


def test_the_ends_of_each_metrics_scale() -> None:
    supports = {name: metric.support for name, metric in CORPUS_METRICS.items()}
    assert supports["bleu"] == supports["chrf"] == (0.0, 100.0)
    assert supports["inst_level_strict_acc"] == supports["inst_level_loose_acc"] == (0.0, 1.0)
    assert supports["perplexity"] is supports["word_perplexity"] is supports["byte_perplexity"] is None
