"""Corpus metrics in the report: a difference with an interval, from what the rows keep."""

from dataclasses import replace

import numpy as np
import pytest

from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.aligned.corpus_metrics import count
from bench.stats.estimates.corpus import corpus_delta, corpus_interval
from bench.stats.samples.corpus_metrics import bleu

POSITION = {("t", str(at)): at for at in range(60)}


def rows(seed: int, matched: float, *, without: tuple[int, ...] = ()) -> list[ScoreRow]:
    """Ten-word answers of which each n-gram matches with that probability."""
    generator = np.random.default_rng(seed)
    made = []
    for at in range(60):
        hits = [float(generator.binomial(total, matched)) for total in (10, 9, 8, 7)]
        statistics = {} if at in without else {"bleu": (10.0, 10.0, *hits, 10.0, 9.0, 8.0, 7.0)}
        made.append(ScoreRow(task="t", id=str(at), metrics={}, prompt="p", statistics=statistics))
    return made


def test_the_difference_is_that_of_the_corpus_values() -> None:
    arm = count([rows(1, 0.8), rows(2, 0.8)], POSITION, "bleu", trained=True)
    base = count([rows(3, 0.6)], POSITION, "bleu", trained=False)
    delta = corpus_delta(arm, base, seed=0, replicates=1000)
    means = bleu(arm.values.sum(axis=1)).mean() - bleu(base.values.sum(axis=1)).mean()
    assert delta.estimate == pytest.approx(means, abs=0.5)
    assert delta.low is not None
    assert delta.low > 0
    assert (delta.n_examples, delta.n_missing, delta.seeds_failed) == (60, 0, 0)


def test_what_one_side_lacks_is_left_out_of_both_and_counted() -> None:
    """Zeros in place of missing statistics would lower one side alone."""
    arm = count([rows(1, 0.8, without=(0, 1)), []], POSITION, "bleu", trained=True)
    base = count([rows(3, 0.6, without=(1, 2))], POSITION, "bleu", trained=False)
    assert arm is not None
    assert base is not None
    delta = corpus_delta(arm, base, seed=0, replicates=200)
    assert (delta.n_examples, delta.n_missing, delta.seeds_failed) == (57, 3, 1)
    assert (delta.bounds.missing, delta.bounds.reference_missing) == pytest.approx((2 / 60, 2 / 60))


def test_nothing_in_common_is_no_difference() -> None:
    half = tuple(range(30))
    arm = count([rows(1, 0.8, without=half)], POSITION, "bleu", trained=True)
    base = count([rows(3, 0.6, without=tuple(range(30, 60)))], POSITION, "bleu", trained=False)
    assert arm is not None
    assert base is not None
    assert corpus_delta(arm, base, seed=0, replicates=200) is None


def test_a_metric_that_nobody_can_resample_has_no_counts() -> None:
    assert count([rows(1, 0.8)], POSITION, "perplexity", trained=True) is None
    assert count([[]], POSITION, "bleu", trained=True) is None


def test_a_corpus_value_has_an_interval_of_its_own() -> None:
    """A BLEU without one is read as exact, on whatever few sentences it stands."""
    arm = count([rows(1, 0.8, without=(4,)), rows(2, 0.8), []], POSITION, "bleu", trained=True)
    value = corpus_interval(arm, seed=0, replicates=2000)
    first, second = arm.values[:2]
    kept = [at for at in range(60) if at != 4]
    ratio = first[kept].sum(axis=0) / ((first + second)[kept].sum(axis=0) / 2)
    by_seed = bleu(np.stack([first.sum(axis=0) + ratio * second[4], second.sum(axis=0)]))
    assert value.seed_values[1] == pytest.approx(by_seed[1])
    assert value.seed_values[0] == pytest.approx(by_seed[0], rel=1e-3)
    assert value.mean == pytest.approx(by_seed.mean(), rel=1e-3)
    assert value.bounds.lowest < value.mean < value.bounds.highest
    assert value.low is not None
    assert value.high is not None
    assert 0 < value.low < by_seed.mean() < value.high < 100
    assert (value.n_examples, value.n_missing, value.seeds, value.seeds_failed) == (60, 0, 2, 1)
    assert corpus_interval(replace(arm, present=arm.present & False), seed=0, replicates=10) is None


def test_a_perplexity_has_a_difference_with_an_interval() -> None:
    """Of documents of unequal length, of which lm-eval gives one figure for all."""

    def texts(seed: int, nats: float) -> list[ScoreRow]:
        lengths = np.random.default_rng(0).integers(20, 200, size=60)
        losses = np.random.default_rng(seed).normal(nats, 0.3, size=60) * lengths
        return [
            ScoreRow(
                task="t", id=str(at), metrics={}, prompt="p",
                statistics={"word_perplexity": (-float(losses[at]), float(lengths[at]))},
            )
            for at in range(60)
        ]  # fmt: skip

    arm = count([texts(1, 2.0)], POSITION, "word_perplexity", trained=True)
    base = count([texts(2, 2.5)], POSITION, "word_perplexity", trained=False)
    assert arm is not None
    assert base is not None
    value, delta = corpus_interval(arm, seed=0, replicates=1000), corpus_delta(arm, base, seed=0, replicates=1000)
    assert value.mean == pytest.approx(np.exp(2.0), rel=0.1)
    assert value.low is not None
    assert value.high is not None
    assert value.low < np.exp(2.0) < value.high
    assert delta.high is not None
    assert delta.high < 0
    assert delta.estimate == pytest.approx(np.exp(2.0) - np.exp(2.5), rel=0.15)
