"""Estimates of scores that were seen before, for tests of what stands around them.

Each of these tests plants one thing in a run whose other scores are those of the test before, and the estimates are
pure functions (`bench.stats`, with tests of its own): equal arguments have the result of the first call.
"""

from collections.abc import Iterator

import pytest

from bench.stats.conclusions import claim_plan
from bench.stats.estimates import delta, paired, replicates, single
from tests.fakes.remembered import remembered

_KEPT = 600  # results of each function: four reports of the flagship's shape
_KNOWN = [
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


@pytest.fixture(scope="module", autouse=True)
def known_estimates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, known in _KNOWN:
            patch.setattr(module, name, known)
        yield


@pytest.fixture
def no_known_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every estimate is computed: for a test of how much work that is."""
    for module, name, known in _KNOWN:
        monkeypatch.setattr(module, name, known.__wrapped__)  # type: ignore[attr-defined]  # functools.wraps sets it
