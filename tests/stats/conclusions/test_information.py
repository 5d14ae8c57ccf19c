"""How much a comparison knows with other numbers of trainings and examples."""

import pytest

from bench.stats.conclusions.information import Size, information, variance_at
from bench.stats.noise.variance import Components


def test_a_look_at_more_examples_has_the_share_of_information_that_they_bring() -> None:
    """Twice the examples leave more than half of the variance where seeds have their part in it."""
    parts = Components(example=2.0, seed=3.0, rest=1.0, replicates=2.0)
    now, more = Size(trainings=6, examples=100), Size(trainings=6, examples=200)
    assert variance_at(parts, now, now) == 4.0
    assert variance_at(parts, now, more) == pytest.approx(1.0 + 1.5 + 0.25)
    assert variance_at(parts, now, Size(trainings=12, examples=100)) == pytest.approx(2.0 + 0.75 + 0.25)
    assert information([now, more], now, parts) == pytest.approx((2.75 / 4.0, 1.0))
    assert information([now, more], now, None) == (0.5, 1.0), "the share of the scores where nothing is known"
    fewer = Size(trainings=3, examples=100)
    assert information([now, fewer], now, parts) == (1.0, 0.5), "with the same examples the share of the trainings"
