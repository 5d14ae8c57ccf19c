"""The choice of a method, and the figures of the one for few unlike values, by hand."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from bench.stats.noise.variance import seed_noise
from bench.stats.samples.sample import layout, scores


def against_zero(values: np.ndarray, *, clusters: list[int] | None = None) -> Delta:
    size = values.shape[-1]
    zero = scores([[0.0] * size], trained=False, clusters=clusters)
    return paired_delta(scores(np.atleast_2d(values).tolist(), clusters=clusters), zero, seed=0, replicates=200)


@pytest.mark.parametrize(("size", "method"), [(19, "Student's t over examples"), (20, "studentised bootstrap")])
def test_fewer_than_twenty_units_are_students(size: int, method: str) -> None:
    assert method in against_zero(np.random.default_rng(0).normal(size=size)).method


def test_clusters_are_the_units() -> None:
    values = np.random.default_rng(0).normal(size=60)
    clusters = np.repeat(np.arange(15), 4).tolist()
    assert against_zero(values, clusters=clusters).method == "paired: Student's t over clusters"


@pytest.mark.parametrize(("untied", "method"), [(19, "adjusted Wald"), (20, "studentised bootstrap")])
def test_fewer_than_twenty_unlike_values_are_adjusted(untied: int, method: str) -> None:
    values = np.zeros(100)
    values[:untied] = np.random.default_rng(0).normal(size=untied)
    assert method in against_zero(values).method


def test_most_values_unlike_are_not_adjusted_however_few_they_are() -> None:
    values = np.zeros(24)
    values[:12] = np.random.default_rng(0).normal(size=12)
    assert "adjusted" not in against_zero(values).method


def test_a_rate_over_rows_is_agresti_and_coulls_by_hand() -> None:
    """13 of 40 right in both rows: two wrong and two right added, Student's t with 39 degrees of freedom."""
    rows = [[1] * 13 + [0] * 27] * 2
    one = score_interval(scores(rows, binary=True, trained=False), seed=0)
    rate, centre = 13 / 40, 15 / 44
    second = (40 * (rate * (1 - rate) * 40 / 39 + rate**2) + 2) / 44
    half = stats.t.ppf(0.975, 39) * ((second - centre**2) / 44) ** 0.5
    assert (one.low, one.high) == pytest.approx((centre - half, centre + half))


def test_a_delta_of_few_unlike_values_is_bonett_and_prices_by_hand() -> None:
    """Five of 60 differ, by up to 2: one added 2 above and one 2 below the usual value."""
    values = np.array([2.0, 1.0, -1.0, 0.5, 1.0] + [0.0] * 55)
    found = against_zero(values)
    mean = values.mean()
    centre = 60 * mean / 62
    second = (60 * (values.var(ddof=1) + mean**2) + 2 * 2.0**2) / 62
    half = stats.t.ppf(0.975, 59) * ((second - centre**2) / 62) ** 0.5
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_the_reason_says_what_there_is_too_little_of() -> None:
    one = paired_delta(scores([[1.0]]), scores([[0.0]]), seed=0)
    assert one.reason == "one example: no interval can be given"
    strata = [0, 0, 1]
    task = paired_delta(scores([[1.0, 2.0, 3.0]], strata=strata), scores([[0.0] * 3], strata=strata), seed=0)
    assert task.reason == "a task with fewer than two examples: no interval can be given"
    same = paired_delta(scores([[0.3] * 5]), scores([[0.3] * 5]), seed=0)
    assert same.reason == "every score is the same: no interval can be given"


def test_both_sides_seeds_add_up() -> None:
    """Two seeds against three: each side's noise, and by what it is divided in the estimate."""
    generator = np.random.default_rng(0)
    arm, reference = (generator.normal(size=(n, 40)) + generator.normal(size=(n, 1)) for n in (2, 3))
    parts = paired_delta(scores(arm.tolist()), scores(reference.tolist()), seed=0, replicates=200).components
    plan = layout(np.ones(40), None, None)
    noises = [seed_noise(side, plan) for side in (arm, reference)]
    totals = [noise.total for noise in noises if noise is not None]
    assert parts.seed == pytest.approx(sum(noise.seed for noise in noises if noise is not None))
    assert parts.rest == pytest.approx(sum(noise.rest for noise in noises if noise is not None))
    assert parts.replicates == pytest.approx(sum(totals) / (totals[0] / 2 + totals[1] / 3))
    assert parts.most_replicates == 3
    degrees = (totals[0] / 2 + totals[1] / 3) ** 2 / ((totals[0] / 2) ** 2 / 1 + (totals[1] / 3) ** 2 / 2)
    assert parts.seed_degrees == pytest.approx(degrees)
    single = against_zero(arm[:1]).components
    assert (single.seed, single.rest, single.replicates, single.most_replicates) == (None, None, 1.0, 1)
