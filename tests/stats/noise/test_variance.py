"""Examples, seeds and draws are told apart: else more of the wrong one is bought."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats
from statsmodels.api import OLS
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench.stats.noise.variance import draw_components, seed_noise, unit_spread
from bench.stats.samples.sample import layout


def test_crossed_components_are_those_of_the_anova_table() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(4, 1)) * 0.5 + generator.normal(size=30) + generator.normal(size=(4, 30)) * 0.7
    plan = layout(np.ones(30), None, None)
    frame = pd.DataFrame(
        [(s, i, values[s, i]) for s in range(4) for i in range(30)], columns=["seed", "example", "value"]
    )
    table = anova_lm(ols("value ~ C(seed) + C(example)", frame).fit())["mean_sq"]
    noise = seed_noise(values, plan)
    spread = unit_spread(plan.totals(values.mean(axis=0)), plan)
    assert noise.total * 30 == pytest.approx(table["C(seed)"])
    assert spread.variance * 4 * 30 == pytest.approx(table["C(example)"])
    assert noise.rest * 30 == pytest.approx(table["Residual"])
    assert noise.seed == pytest.approx((table["C(seed)"] - table["Residual"]) / 30)


def test_known_components_are_recovered() -> None:
    generator = np.random.default_rng(1)
    plan = layout(np.ones(400), None, None)
    found = [
        seed_noise(generator.normal(size=(5, 1)) * 0.3 + generator.normal(size=(5, 400)), plan) for _ in range(400)
    ]
    assert np.mean([noise.total - noise.rest for noise in found]) == pytest.approx(0.09, rel=0.1)
    assert np.mean([noise.rest for noise in found]) == pytest.approx(1 / 400, rel=0.02)


def test_subset_draws_by_hand() -> None:
    """Draws (1, 3) and (5, 7): within 2, between 16, so (16 - 2) / 2 per draw."""
    parts = draw_components([[1.0, 3.0], [5.0, 7.0]])
    assert (parts.draw, parts.seed) == pytest.approx((7.0, 2.0))
    assert draw_components([[1.0, 3.0]]).draw is None
    assert draw_components([[1.0], [3.0]]).seed is None
    assert draw_components([]).draw is None


def test_draws_of_unequal_size_by_hand() -> None:
    """Three seeds of one draw, two of another: within (8 + 2) / 3, between 10.8, 2.4 seeds a draw."""
    parts = draw_components([[1.0, 3.0, 5.0], [5.0, 7.0]])
    assert (parts.draw, parts.seed) == pytest.approx(((10.8 - 10 / 3) / 2.4, 10 / 3))


def test_weights_and_tasks_in_the_spread_by_loops() -> None:
    """Residuals enlarged for the leverage of their unit; Satterthwaite's degrees over two tasks."""
    x, weights = np.array([1.0, 2.0, 4.0, 3.0, 7.0, 5.0, 1.0]), np.array([1.0, 4.0, 2.0, 3.0, 1.0, 5.0, 2.0])
    task = np.array([0, 0, 0, 1, 1, 1, 1])
    plan = layout(weights, None, task)
    variances, degrees = [], []
    for t in (0, 1):
        value, share = x[task == t], weights[task == t] / weights[task == t].sum()
        residual = share * (value - share @ value)
        variances.append((residual**2 / (1 - share)).sum() / 4)
        degrees.append(max(1.0, 1 / (share**2).sum() - 1))
    spread = unit_spread(plan.totals(x), plan)
    assert spread.variance == pytest.approx(sum(variances))
    expected = sum(variances) ** 2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True))
    assert spread.degrees == pytest.approx(expected)
    level = unit_spread(plan.totals(np.ones(7)), plan)
    assert level.variance == pytest.approx(0.0, abs=1e-20)


def test_the_degrees_over_two_tasks_are_scipys_of_welch() -> None:
    """Satterthwaite's over the tasks, of Kish's within each: n - 1 where all examples weigh the same."""
    generator = np.random.default_rng(4)
    few, many = generator.normal(size=7), 3 * generator.normal(size=21)
    plan = layout(np.ones(28), None, np.repeat([0, 1], [7, 21]))
    spread = unit_spread(plan.totals(np.concatenate([few, -many])), plan)
    welch = stats.ttest_ind(few, many, equal_var=False)
    assert spread.degrees == pytest.approx(welch.df)
    assert spread.variance == pytest.approx((few.var(ddof=1) / 7 + many.var(ddof=1) / 21) / 4)


def test_the_variance_of_a_weighted_mean_is_statsmodels_hc2() -> None:
    """Examples without clusters: a regression on a constant, with heteroscedasticity-robust errors."""
    generator = np.random.default_rng(5)
    values, weights = generator.normal(size=25), generator.uniform(0.2, 4.0, 25)
    plan = layout(np.ones(25), None, None)
    spread = unit_spread(plan.totals(values), plan)
    assert spread.variance == pytest.approx(OLS(values, np.ones(25)).fit(cov_type="HC2").bse[0] ** 2)
    uneven = layout(weights, None, None)
    robust = unit_spread(uneven.totals(values), uneven)
    assert robust.variance == pytest.approx(bell_and_mccaffrey(values, weights, np.arange(25)))


def test_the_variance_of_clusters_is_bell_and_mccaffreys() -> None:
    generator = np.random.default_rng(6)
    label = np.repeat(np.arange(8), [1, 2, 3, 4, 5, 6, 7, 12])
    values = generator.normal(size=8)[label] + generator.normal(size=40)
    plan = layout(np.ones(40), label, None)
    spread = unit_spread(plan.totals(values), plan)
    assert spread.variance == pytest.approx(bell_and_mccaffrey(values, np.ones(40), label))
    shares = np.bincount(label) / 40
    assert spread.degrees == pytest.approx(1 / (shares**2).sum() - 1), "Kish's effective number, less one"


def test_examples_of_an_unknown_cluster_may_move_with_all_others() -> None:
    """A fifth of the labels lost: as a cluster of their own they would hide what they share with the labelled ones."""
    generator = np.random.default_rng(7)
    true = np.arange(200) % 40
    values = generator.normal(size=40)[true] + generator.normal(size=200)
    lost = generator.random(200) < 0.2
    known, unknown, alone = (
        layout(np.ones(200), labels, None) for labels in (true, np.where(lost, -1, true), np.where(lost, 40, true))
    )
    whole, bound, hidden = (unit_spread(plan.totals(values), plan) for plan in (known, unknown, alone))
    assert whole is not None
    residual = (values - values.mean()) / 200
    own = residual[lost].sum() ** 2 / (1 - lost.mean())
    rest = hidden.variance - own
    assert bound.variance == pytest.approx((rest**0.5 + own**0.5) ** 2), "Cauchy and Schwarz"
    assert hidden.variance < bound.variance
    none = layout(np.ones(200), np.where(lost, 40, true), None)
    assert not none.unlabelled.any()


def bell_and_mccaffrey(values: np.ndarray, weights: np.ndarray, label: np.ndarray) -> float:
    """CR2 of a weighted mean by its matrices (2002, equation 5): each cluster's residuals times the inverse root of its
    block of I - H, H symmetric in residuals that are scaled by the root of their weight."""
    root = np.sqrt(weights)
    design = root / np.sqrt(weights.sum())
    residual = root * (values - np.average(values, weights=weights))
    blocks = [np.flatnonzero(label == cluster) for cluster in np.unique(label)]
    scores = [
        design[rows]
        @ linalg.inv(linalg.sqrtm(np.eye(rows.size) - np.outer(design[rows], design[rows])))
        @ residual[rows]
        for rows in blocks
    ]
    return float((np.array(scores) ** 2).sum() / weights.sum())


def test_a_task_of_one_example_has_no_spread() -> None:
    plan = layout(np.ones(3), None, np.array([0, 0, 1]))
    assert unit_spread(plan.totals(np.arange(3.0)), plan) is None


def test_a_cluster_over_two_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="one stratum"):
        layout(np.ones(2), np.array([0, 0]), np.array([0, 1]))
