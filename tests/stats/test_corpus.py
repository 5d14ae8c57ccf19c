"""Corpus metrics are resampled from sums, not averaged from per-example values that do not add up."""

import numpy as np
import pytest

from bench.stats.corpus import corpus_delta, corpus_interval
from bench.stats.paired import paired_delta
from bench.stats.sample import scores
from bench.stats.single import score_interval


def ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def test_a_ratio_of_sums_is_the_weighted_delta() -> None:
    """Loss per token both ways: as a metric of sums, and as a weighted mean."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(5, 50, 120).astype(float)
    arm, base = generator.gamma(2, 1, (2, 120))
    by_sums = corpus_delta(
        np.stack([arm * tokens, tokens], axis=-1)[None], np.stack([base * tokens, tokens], axis=-1)[None], ratio, seed=0
    )
    by_weight = paired_delta(
        scores([arm.tolist()], weights=tokens.tolist()), scores([base.tolist()], weights=tokens.tolist()), seed=0
    )
    assert by_sums.estimate == pytest.approx(by_weight.estimate)
    assert (by_sums.n_examples, by_sums.n_missing, by_sums.seeds_failed) == (120, 0, 0)
    assert by_sums.low == pytest.approx(by_weight.low, abs=0.03)
    assert by_sums.high == pytest.approx(by_weight.high, abs=0.03)


def test_the_value_of_a_ratio_of_sums_has_the_interval_of_a_weighted_mean() -> None:
    generator = np.random.default_rng(0)
    tokens = generator.integers(5, 50, 150).astype(float)
    loss = generator.gamma(2, 1, 150)
    by_sums = corpus_interval(np.stack([loss * tokens, tokens], axis=-1)[None], ratio, support=None, seed=0)
    by_weight = score_interval(scores([loss.tolist()], weights=tokens.tolist()), seed=0)
    assert by_sums.mean == pytest.approx(by_weight.mean)
    assert by_sums.low == pytest.approx(by_weight.low, abs=0.05)
    assert by_sums.high == pytest.approx(by_weight.high, abs=0.05)
    assert by_sums.noise == "example noise only"


def test_seeds_widen_it() -> None:
    generator = np.random.default_rng(1)
    counts = np.full((3, 80), 10.0)
    hits = generator.binomial(10, [[0.4], [0.5], [0.6]], (3, 80)).astype(float)
    base = np.stack([np.full((1, 80), 4.0) + generator.normal(size=(1, 80)), counts[:1]], axis=-1)
    many = corpus_delta(np.stack([hits, counts], axis=-1), base, ratio, seed=0, trained=(True, False))
    assert many.noise == "example and training-seed noise"
    assert many.high - many.low > 0.4  # 4.3 * 0.1 / sqrt(3) on each side


def test_one_example_has_no_interval() -> None:
    one = corpus_delta(np.ones((1, 1, 2)), np.ones((1, 1, 2)), ratio, seed=0)
    assert (one.estimate, one.low) == (0.0, None)
    with pytest.raises(ValueError, match="same examples"):
        corpus_delta(np.ones((1, 1, 2)), np.ones((1, 2, 2)), ratio, seed=0)
