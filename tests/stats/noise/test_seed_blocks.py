"""Arms that share their seeds' luck are found out; arms that do not are not."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.noise.seed_blocks import moves_together


def test_two_arms_give_the_p_value_of_their_correlation() -> None:
    """With two arms the F is (1 + r) / (1 - r) for equal variances: a one-sided test of the correlation."""
    values = np.array([[1.0, 2.0, 4.0, 3.0], [10.0, 12.0, 13.0, 11.0]])
    centred = values - values.mean(axis=1, keepdims=True)
    sums, gaps = centred[0] + centred[1], centred[0] - centred[1]
    ratio = (sums**2).sum() / (gaps**2).sum()
    assert moves_together(values) == pytest.approx(stats.f.sf(ratio, 3, 3))


def test_the_size_is_right_without_and_the_power_with_shared_luck() -> None:
    rng = np.random.default_rng(6)
    alone = [moves_together(rng.normal(size=(6, 3))) for _ in range(2_000)]
    shared = [moves_together(rng.normal(size=(6, 3)) + rng.normal(size=3)) for _ in range(500)]
    assert np.mean([p is not None and p <= 0.05 for p in alone]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([p is not None and p <= 0.05 for p in shared]) > 0.5


@pytest.mark.parametrize("values", [np.ones((3, 3)), np.ones((1, 3)), np.array([[1.0], [2.0]])])
def test_nothing_is_said_without_noise_or_with_a_single_arm_or_seed(values: np.ndarray) -> None:
    assert moves_together(values) is None
