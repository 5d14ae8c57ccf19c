"""Copies of metric modules go to the tests' own folder: one for the process, as the importing machinery needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.evals import reference


@pytest.fixture(scope="session", autouse=True)
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_cache", lambda: folder)
        yield
