"""Corpus metrics are resampled from sums, not averaged from per-example values that do not add up."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.corpus import corpus_delta, corpus_interval
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from bench.stats.samples.corpus_metrics import CorpusMetric, Metric
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import scores


def corpus(
    statistics: np.ndarray, metric: Metric, *, support: tuple[float, float] | None = None, **fields: object
) -> CorpusScores:
    """Statistics [seeds, examples, k] without gaps."""
    present = np.ones(statistics.shape[:2], dtype=bool)
    kind = CorpusMetric(of_sums=metric, support=support)
    return CorpusScores(**{"metric": kind, "values": statistics, "present": present, **fields})  # type: ignore[arg-type]


def ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def test_a_ratio_of_sums_is_the_weighted_delta() -> None:
    """Loss per token both ways: as a metric of sums, and as a weighted mean."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(5, 50, 120).astype(float)
    arm, base = generator.gamma(2, 1, (2, 120))
    by_sums = corpus_delta(
        corpus(np.stack([arm * tokens, tokens], axis=-1)[None], ratio),
        corpus(np.stack([base * tokens, tokens], axis=-1)[None], ratio),
        seed=0,
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
    by_sums = corpus_interval(corpus(np.stack([loss * tokens, tokens], axis=-1)[None], ratio), seed=0)
    by_weight = score_interval(scores([loss.tolist()], weights=tokens.tolist()), seed=0)
    assert by_sums.mean == pytest.approx(by_weight.mean)
    assert by_sums.low == pytest.approx(by_weight.low, abs=0.05)
    assert by_sums.high == pytest.approx(by_weight.high, abs=0.05)
    assert by_sums.noise == "example noise only"


def test_what_a_missing_example_leaves_open_is_bounded_by_the_worst_and_the_best_that_were_seen() -> None:
    """1, 3 and 2 of 4 are right, and a fourth example is missing."""
    statistics = np.array([[[1.0, 4.0], [3.0, 4.0], [2.0, 4.0], [0.0, 0.0]]])
    found = corpus_interval(corpus(statistics, ratio, present=np.array([[True, True, True, False]])), seed=0)
    assert (found.mean, found.n_examples) == (pytest.approx(6 / 12), 3)
    assert (found.bounds.lowest, found.bounds.highest) == (pytest.approx(7 / 16), pytest.approx(9 / 16))
    assert (found.bounds.missing, found.bounds.reference_missing, found.bounds.scale) == (0.25, None, (0.25, 0.75))
    assert found.bounds.low <= found.low
    assert found.bounds.high >= found.high


def test_of_a_difference_they_leave_open_the_worst_of_one_side_beside_the_best_of_the_other() -> None:
    """Each side's gap is filled by the row, of all that either side has, that moves its own value most."""
    arm = np.array([[1.0, 10.0], [0.0, 4.0], [1.0, 10.0], [0.0, 0.0]])
    base = np.array([[9.0, 10.0], [2.0, 2.0], [0.0, 0.0], [5.0, 6.0]])
    present = [np.array([[True, True, True, False]]), np.array([[True, True, False, True]])]
    found = corpus_delta(
        corpus(arm[None], ratio, present=present[0]), corpus(base[None], ratio, present=present[1]), seed=0
    )
    rows = [*arm[:3], *base[[0, 1, 3]]]
    ours, theirs = ([ratio(side.sum(axis=0) + row) for row in rows] for side in (arm, base))
    assert found.bounds.lowest == pytest.approx(min(ours) - max(theirs))
    assert found.bounds.highest == pytest.approx(max(ours) - min(theirs))
    assert (found.bounds.missing, found.bounds.reference_missing) == (0.25, 0.25)


def test_tasks_of_one_pool_count_by_their_examples_and_pools_alike() -> None:
    """Two and six examples in one pool, two in the other; without pools each task counts a third."""
    hits = np.array([1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0])
    tasks = np.repeat([0, 1, 2], [2, 6, 2])
    statistics = np.stack([hits, np.full(10, 4.0)], axis=-1)[None]
    found = corpus_interval(corpus(statistics, ratio, strata=tasks, pools=np.repeat([0, 1], [8, 2])), seed=0)
    assert found.mean == pytest.approx(0.5 * (2 / 8 * 0.25 + 6 / 8 * 0.75) + 0.5 * 0.5)
    assert corpus_interval(corpus(statistics, ratio, strata=tasks), seed=0).mean == pytest.approx(0.5)


def test_seeds_widen_it() -> None:
    generator = np.random.default_rng(1)
    counts = np.full((3, 80), 10.0)
    hits = generator.binomial(10, [[0.4], [0.5], [0.6]], (3, 80)).astype(float)
    base = np.stack([np.full((1, 80), 4.0) + generator.normal(size=(1, 80)), counts[:1]], axis=-1)
    many = corpus_delta(corpus(np.stack([hits, counts], axis=-1), ratio), corpus(base, ratio, trained=False), seed=0)
    assert many.noise == "example and training-seed noise"
    assert many.high - many.low > 0.4  # 4.3 * 0.1 / sqrt(3) on each side


def test_one_example_has_no_interval() -> None:
    one = corpus_delta(corpus(np.ones((1, 1, 2)), ratio), corpus(np.ones((1, 1, 2)), ratio), seed=0)
    assert (one.estimate, one.low) == (0.0, None)
    with pytest.raises(ValueError, match="same examples"):
        corpus_delta(corpus(np.ones((1, 1, 2)), ratio), corpus(np.ones((1, 2, 2)), ratio), seed=0)


def log_ratio(sums: np.ndarray) -> np.ndarray:
    return np.log(sums[..., 0] / sums[..., 1])


def by_jackknife(statistics: np.ndarray) -> np.ndarray:
    """Pseudo-values of one seed, leaving one example out after another."""
    size = len(statistics)
    whole = log_ratio(statistics.sum(axis=0))
    without = np.array([log_ratio(np.delete(statistics, i, axis=0).sum(axis=0)) for i in range(size)])
    return whole + (size - 1) * (without.mean() - without)


def test_the_standard_error_is_the_jackknifes() -> None:
    """And the seeds' share of it that of pseudo-values; n_better and n_worse: examples put into the base."""
    arm, base = np.random.default_rng(0).gamma(4, 1, (2, 30, 2))
    pseudo = [by_jackknife(side) for side in (arm, base)]
    delta = corpus_delta(corpus(arm[None], log_ratio), corpus(base[None], log_ratio, trained=False), seed=0)
    difference = pseudo[0] - pseudo[1]
    assert delta.estimate == pytest.approx(log_ratio(arm.sum(axis=0)) - log_ratio(base.sum(axis=0)))
    assert delta.standard_error == pytest.approx((difference.var(ddof=1) / 30) ** 0.5)
    replaced = [log_ratio(base.sum(axis=0) - base[i] + arm[i]) - log_ratio(base.sum(axis=0)) for i in range(30)]
    assert (delta.n_better, delta.n_worse) == (sum(r > 0 for r in replaced), sum(r < 0 for r in replaced))
    assert (delta.arm_seeds, delta.reference_seeds) == (1, 1)
    alone = corpus_interval(corpus(arm[None], log_ratio), seed=0)
    assert alone.standard_error == pytest.approx((pseudo[0].var(ddof=1) / 30) ** 0.5)
    assert (alone.n_examples, alone.n_missing, alone.seeds, alone.seeds_failed) == (30, 0, 1, 0)
    assert alone.seed_deviation is None


def test_the_interval_is_that_of_the_resampled_value_where_that_is_wider_than_students() -> None:
    """A skewed metric over two seeds, each resampled by the same examples."""

    def steep(sums: np.ndarray) -> np.ndarray:
        return np.exp(4 * sums[..., 0] / sums[..., 1])

    values = np.random.default_rng(1).gamma(0.5, 1, (2, 60))
    statistics = np.stack([values, np.ones((2, 60))], axis=-1)
    found = corpus_interval(corpus(statistics, steep, trained=False), seed=0)
    generator = np.random.default_rng(5)
    draws = []
    for _ in range(4_000):
        picked = generator.integers(0, 60, 60)
        draws.append(steep(statistics[:, picked].sum(axis=1)).mean())
    half = stats.t.ppf(0.975, 59) * found.standard_error
    assert found.seed_values == pytest.approx(tuple(steep(statistics.sum(axis=1))))
    assert found.seed_deviation == pytest.approx(np.std(found.seed_values, ddof=1))
    assert found.low == pytest.approx(found.mean - half)
    assert found.high == pytest.approx(np.quantile(draws, 0.975), rel=0.03)
    assert found.high > 1.1 * (found.mean + half)


def test_values_that_never_vary_are_bounded_by_the_range_alone() -> None:
    right = np.ones((1, 30, 2))
    assert corpus_interval(corpus(right, ratio), seed=0).low is None
    bounded = corpus_interval(corpus(right, ratio, support=(0.0, 1.0)), seed=0)
    assert (bounded.low, bounded.high) == pytest.approx((0.025 ** (1 / 30), 1.0))
    assert corpus_delta(corpus(right, ratio), corpus(right, ratio), seed=0).low is None


@pytest.mark.parametrize("shape", [(3, 2), (1, 3, 3), (1, 2, 2)])
def test_statistics_of_other_examples_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="same examples"):
        corpus_delta(corpus(np.ones((1, 3, 2)), ratio), corpus(np.ones(shape), ratio), seed=0)
    with pytest.raises(ValueError, match="same examples"):
        corpus(np.ones((1, 0, 2)), ratio)
