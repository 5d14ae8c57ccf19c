"""By simulation: a 95% interval holds the truth 95 times in 100, and no effect is found where there is none.

Every case runs the public function on fresh data with a fixed seed (or, for a pair of proportions, on every table that
can come up, weighted by its probability). The windows are the promise; `python -m benchmarks.simulations intervals`
runs the same cases at length (benchmarks/simulations.md has its tables). With 1,500 runs the standard error of a
coverage of 95% is 0.56 points. Right or wrong with a few seeds has a wider window and 500 or 600 runs.
Where all the noise is normal, the mean does not depend on the deviations from it: a run then gives the probability of
being held, not one draw of it, and 150 runs (300 of one seed, 500 where seeds are the noise) are as good as 10,000.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from benchmarks.simulations.data import Draw, binary, clustered, continuous, matrix
from benchmarks.simulations.lean import lean
from benchmarks.simulations.measure import compare, measure
from benchmarks.simulations.trained import SEED_NOISE, seeded, seeded_binary

RUNS = 1_500
SEED_RUNS = {3: 600, 5: 500}
ONE_SEED_RUNS = 300
NORMAL_RUNS = {"both": 150, "no seed noise": 150, "seed noise": 500}
SHARE = 50


@pytest.fixture(autouse=True)
def faster() -> Iterator[None]:
    """Simulations leave out what they do not read."""
    with lean():
        yield


def percents(draw: Draw, runs: int) -> tuple[float, float]:
    """Coverage, and the share of p-values of at most 5%."""
    found = measure(draw, runs, same=SHARE)
    return found.held.percent, found.at_5.percent


def chance_to_hold_zero(draw: Draw, runs: int) -> tuple[float, float]:
    """Mean and standard error, in percent, where one seed's differences are normal, half of their variance that of
    their cluster, and the truth is zero.

    The generalised least squares mean is normal and does not depend on the deviations from it. Given these and the side
    of zero that the estimate is on (negated data are resampled as negated), the interval moves with that mean.
    """
    generator, chances = np.random.default_rng(2024), []
    for run in range(runs):
        people = draw(generator)
        delta = compare(people, run // SHARE)
        assert (delta.p_value <= 0.05) == (not delta.low <= 0 <= delta.high), "what is found is what is not held"
        values, label = people.arms[0].values[0] - people.reference.values[0], people.reference.clusters
        weights = np.ones(values.size) if label is None else 2 / (1 + np.bincount(label)[label])
        mean, error, side = np.average(values, weights=weights), weights.sum() ** -0.5, np.sign(delta.estimate)
        nearest = side * (delta.low if side > 0 else delta.high)
        other_side = stats.norm.cdf(side * (mean - delta.estimate) / error)
        held = stats.norm.cdf((side * mean - nearest) / error) - other_side
        chances.append(100 * held / (1 - other_side))
    return float(np.mean(chances)), float(stats.sem(chances))


@pytest.mark.parametrize("kind", ["skewed", "heavy"])
@pytest.mark.parametrize(("examples", "low", "high"), [(50, 93, 97), (200, 94, 96)])
def test_one_seed_continuous(kind: str, examples: int, low: float, high: float) -> None:
    coverage, found = percents(continuous(examples, kind), RUNS)
    assert low <= coverage <= high
    assert found <= 5.5


@pytest.mark.parametrize(("examples", "high"), [(50, 97), (200, 96)])
def test_one_seed_normal(examples: int, high: float) -> None:
    coverage, error = chance_to_hold_zero(continuous(examples, "normal"), ONE_SEED_RUNS)
    assert error < 0.3
    assert 94.5 <= coverage <= high, "no more than 5.5% is found"


@pytest.mark.parametrize(
    ("clusters", "size", "uneven", "low", "high"),
    [
        (10, 5, False, 93, 97),
        (10, 5, True, 93, 97),
        (25, 8, False, 94.5, 96),
        (40, 5, True, 94.5, 96),
        (100, 2, True, 94.5, 96),
    ],
)
def test_one_seed_normal_in_clusters(clusters: int, size: int, uneven: bool, low: float, high: float) -> None:
    coverage, error = chance_to_hold_zero(clustered(clusters, size, uneven), ONE_SEED_RUNS)
    assert error < (0.56 if clusters == 10 else 0.3)
    assert low <= coverage <= high, "5.5% is found at most; at 10 clusters 7%"


@pytest.mark.parametrize(
    ("examples", "gain", "loss", "low", "high"),
    [(50, 0.1, 0.1, 93, 97), (50, 0.2, 0.05, 93, 97), (200, 0.1, 0.1, 94, 96), (200, 0.15, 0.05, 94, 96)],
)
def test_one_seed_right_or_wrong(examples: int, gain: float, loss: float, low: float, high: float) -> None:
    """Exactly: all tables but those that come up less than once in a million, which could shift it by 0.2 points."""
    covered = found = seen = 0.0
    for gained, lost, chance in tables(examples, gain, loss):
        arm, base = np.zeros(examples), np.zeros(examples)
        arm[:gained], base[gained : gained + lost] = 1, 1
        delta = paired_delta(matrix(arm, binary=True), matrix(base, binary=True, trained=False), seed=0)
        covered += chance * (delta.low <= gain - loss <= delta.high)
        found += chance * (delta.p_value <= 0.05)
        seen += chance
    assert seen > 0.998
    assert low / 100 <= covered <= high / 100
    assert gain != loss or found <= 0.055


def tables(examples: int, gain: float, loss: float) -> list[tuple[int, int, float]]:
    """Every likely (gained, lost) with its probability."""
    counts = np.arange(examples + 1)
    gained, lost = (part.ravel() for part in np.meshgrid(counts, counts))
    agree = examples - gained - lost
    kept = agree >= 0
    table = np.stack([gained, lost, agree], axis=1)[kept]
    chance = stats.multinomial.pmf(table, examples, [gain, loss, 1 - gain - loss])
    return [(int(g), int(x), float(p)) for (g, x, _), p in zip(table, chance, strict=True) if p > 1e-6]


@pytest.mark.parametrize(
    ("examples", "clusters", "gain", "loss", "low", "high"),
    [
        (50, 25, 0.2, 0.1, 93, 97),
        (50, 10, 0.2, 0.2, 93, 97),
        (200, 40, 0.1, 0.1, 94, 96),
        (200, 40, 0.15, 0.05, 94, 96),
    ],
)
def test_one_seed_right_or_wrong_in_clusters(
    examples: int, clusters: int, gain: float, loss: float, low: float, high: float
) -> None:
    coverage, found = percents(binary(examples, gain, loss, clusters), RUNS)
    assert low <= coverage <= high
    assert gain != loss or found <= 5.5


@pytest.mark.parametrize(("seeds", "control"), [(3, True), (5, False)])
@pytest.mark.parametrize("noise", SEED_NOISE)
def test_a_few_seeds_continuous(seeds: int, control: bool, noise: str) -> None:
    """Seed noise that is absent, like the examples', and far above it: the interval cannot know which beforehand."""
    example, seed, rest = SEED_NOISE[noise]
    draw, generator, chances = seeded(seeds, seeds * control, example, seed, rest), np.random.default_rng(2024), []
    spread = (example**2 / 200 + (1 + control) * (seed**2 + rest**2 / 200) / seeds) ** 0.5
    for run in range(NORMAL_RUNS[noise]):
        people = draw(generator)
        truth = people.truth
        delta = paired_delta(people.arms[0], people.reference, seed=run // SHARE, replicates=500)
        ends = (truth + delta.estimate - np.array([delta.low, delta.high])) / spread
        chances.append(float(np.subtract(*stats.norm.cdf(ends))))
        assert (delta.p_value <= 0.05) == (not delta.low <= truth <= delta.high), "what is found is what is not held"
    assert stats.sem(chances) < 0.006
    assert 0.945 <= np.mean(chances) <= 0.98


@pytest.mark.parametrize(("seeds", "seed", "rest"), [(3, 0.1, 0.5), (3, 0.3, 0.5), (5, 0.3, 0.5), (3, 0, 1)])
def test_a_few_seeds_right_or_wrong(seeds: int, seed: float, rest: float) -> None:
    coverage, found = percents(seeded_binary(seeds, seed, rest), SEED_RUNS[seeds])
    assert 93 <= coverage <= 98
    assert found <= 5.5


@pytest.mark.parametrize(("seeds", "low", "high"), [(1, 93, 97), (3, 93, 98)])
def test_one_subjects_own_score(seeds: int, low: float, high: float) -> None:
    generator = np.random.default_rng(7)
    held = 0
    for run in range(800):
        rate = generator.beta(6, 4, size=100) + 0.05 * generator.normal(size=(seeds, 1)) * (seeds > 1)
        one = score_interval(matrix(generator.random((seeds, 100)) < rate, binary=True), seed=run)
        held += one.low <= 0.6 <= one.high
    assert low <= 100 * held / 800 <= high


def test_a_bootstrap_over_three_seeds_would_not_hold() -> None:
    """What the method is for: seeds resampled like examples cover far less than they say."""
    generator = np.random.default_rng(0)
    means = generator.normal(size=(1_000, 3))
    draws = means[:, generator.integers(0, 3, (400, 3))].mean(axis=2)
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    assert 100 * np.mean((low <= 0) & (high >= 0)) < 85
