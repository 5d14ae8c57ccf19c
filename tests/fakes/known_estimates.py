"""Estimates of scores that were seen before, for tests of what stands around them.

Each of these tests plants one thing in a run whose other scores are those of the test before, and the estimates are
pure functions (`bench.stats`, with tests of its own): equal arguments have the result of the first call.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from bench.stats.conclusions import claim_plan
from bench.stats.estimates import delta, paired, replicates, single
from benchmarks.simulations.lean import coarse_curves
from tests.fakes.remembered import remembered

_KEPT = 600  # results of each function: four reports of the flagship's shape
_Known = list[tuple[ModuleType, str, Callable[..., Any]]]


def _known() -> _Known:
    return [
        (module, name, remembered(getattr(module, name), size=_KEPT))
        for module, name in (
            (paired, "with_worst_cases"),
            (single, "_as_scored"),
            (delta, "detectable_effect"),
            (replicates, "pooled_prior"),
            (claim_plan, "needed"),
            (claim_plan, "needed_range"),
            (claim_plan, "together_range"),
        )
    ]


_KNOWN, _COARSE = _known(), _known()


def _patched(known: _Known) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, function in known:
            patch.setattr(module, name, function)
        yield


@pytest.fixture(scope="module", autouse=True)
def known_estimates() -> Iterator[None]:
    """To the last digit."""
    yield from _patched(_KNOWN)


@pytest.fixture(scope="module", autouse=True)
def coarse_estimates() -> Iterator[None]:
    """For tests that no third digit decides: integrals of the curves of rates have an eleventh of the points."""
    with coarse_curves():
        yield from _patched(_COARSE)


@pytest.fixture
def no_known_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every estimate is computed: for a test of how much work that is."""
    for module, name, known in _KNOWN:
        monkeypatch.setattr(module, name, known.__wrapped__)  # type: ignore[attr-defined]  # functools.wraps sets it
