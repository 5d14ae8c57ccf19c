"""How wide an interval over examples and seeds is, held against the sum of two Student's t by integration."""

import numpy as np
import pytest
from scipy import integrate, stats

from bench.stats.estimates.half_width import SeedEstimates, half_widths


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_all_but_half_of_the_error_is_below_the_half_width(level: float) -> None:
    """Noise of examples with 40 degrees of freedom beside less, as much and much more noise of few seeds."""
    errors, degrees = np.array([0.3, 1.0, 4.0, 2.0]), np.array([3.0, 6.0, 4.0, 2.0])
    found = half_widths(1.0, 40.0, SeedEstimates(errors=errors, degrees=degrees, chances=np.full(4, 0.25)), level=level)
    for width, error, degree in zip(found, errors, degrees, strict=True):
        below = integrate.quad(
            lambda x, parts=(width, error, degree): (
                stats.t.pdf(x, 40) * stats.t.cdf((parts[0] - x) / parts[1], parts[2])
            ),
            -12,
            12,
        )[0]
        assert below == pytest.approx((1 + level) / 2, abs=3e-4)
