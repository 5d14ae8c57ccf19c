"""The peak of this machine is measured once for all trainings of these tests: it costs as much as one of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from bench.train.accounting import utilization


@pytest.fixture(scope="session", autouse=True)
def one_peak() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilization, "measured_peak", cache(utilization.measured_peak))
        yield
