"""A judge's rate corrected by people: a biased judge must not decide what people prefer."""

import numpy as np
import pytest
from scipy import optimize, stats

from bench.stats.estimates.judged.prediction_powered import LEAST_LABELS, corrected_rate


def sample(
    generator: np.random.Generator, *, bias: float, noise: float, n: int = 50, m: int = 450
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, the judge on these, the judge on the others; people prefer 60%, the judge `bias` more."""
    people = (generator.random(n + m) < 0.6).astype(float)
    turned = generator.random(n + m) < noise
    judge = np.where(turned, generator.random(n + m) < 0.6 + bias, np.maximum(people, generator.random(n + m) < bias))
    return people[:n], judge[:n].astype(float), judge[n:].astype(float)


@pytest.mark.parametrize(("bias", "noise"), [(0.0, 0.0), (0.3, 0.1), (0.3, 1.0)])
def test_the_interval_covers_what_people_prefer_whatever_the_judge_does(bias: float, noise: float) -> None:
    generator = np.random.default_rng(0)
    runs = [corrected_rate(*sample(generator, bias=bias, noise=noise)) for _ in range(600)]
    held = np.mean([run.low <= 0.6 <= run.high for run in runs if run.low is not None and run.high is not None])
    assert 0.92 <= held <= 0.985


def test_a_good_judge_narrows_and_a_useless_one_costs_nothing() -> None:
    generator = np.random.default_rng(1)
    widths = {}
    for name, noise in (("good", 0.1), ("useless", 1.0)):
        runs = [corrected_rate(*sample(generator, bias=0.2, noise=noise)) for _ in range(200)]
        widths[name] = np.mean([run.high - run.low for run in runs if run.low is not None and run.high is not None])
    alone = 2 * 2.01 * (0.24 / 50) ** 0.5
    assert widths["good"] < 0.8 * alone
    assert widths["useless"] < 1.03 * alone


def test_by_hand_without_weighting_away_the_judge() -> None:
    labels = np.array([1.0, 0.0] * 10)
    found = corrected_rate(labels, labels, np.array([1.0, 1.0, 0.0, 1.0] * 200))
    assert found.weight == pytest.approx(1 / 1.025)
    assert found.rate == pytest.approx(0.5 + found.weight * 0.25)
    assert found.agreement == 1.0
    assert (found.labelled, found.judged) == (20, 820)


def test_the_weight_is_the_one_with_the_smallest_variance_and_the_rest_the_published_estimator() -> None:
    """Angelopoulos, Duchi & Zrnic 2023, section 6: rate and variance of every weight, minimised by scipy."""
    people, judge, others = sample(np.random.default_rng(3), bias=0.2, noise=0.3)

    def variance(weight: float) -> float:
        return float(
            people.var(ddof=1) / 50
            - 2 * weight * np.cov(people, judge)[0, 1] / 50
            + weight**2 * judge.var(ddof=1) * (1 / 50 + 1 / 450)
        )

    best = optimize.minimize_scalar(variance, bounds=(0, 1), method="bounded").x
    found = corrected_rate(people, judge, others)
    assert found.weight == pytest.approx(best, abs=1e-4)
    assert found.rate == pytest.approx(people.mean() + best * (others.mean() - judge.mean()), abs=1e-4)
    error = ((people - best * judge).var(ddof=2) / 50 + best**2 * others.var(ddof=1) / 450) ** 0.5
    assert found.high == pytest.approx(found.rate + stats.t.ppf(0.975, 48) * error, abs=1e-4)


def test_few_labels_have_a_rate_and_no_interval() -> None:
    found = corrected_rate(np.ones(LEAST_LABELS - 1), np.ones(LEAST_LABELS - 1), np.ones(5))
    assert (found.rate, found.low, found.high) == (1.0, None, None)
    assert found.reason is not None


def test_no_label_is_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        corrected_rate(np.zeros(0), np.zeros(0), np.ones(3))
