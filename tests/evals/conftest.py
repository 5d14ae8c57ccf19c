"""Copies of metric modules go to the tests' own folder: one for the process, as the importing machinery needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.evals.generated import reference_metrics


@pytest.fixture(scope="session", autouse=True)
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_metrics, "_cache", lambda: folder)
        yield
