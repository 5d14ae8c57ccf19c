"""Copies of metric modules go to the tests' own folder, one for the process, as the importing machinery needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.evals.generated import reference_metrics


@pytest.fixture(scope="session", autouse=True)
def module_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_metrics, "_cache", lambda: folder)
        yield


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small model of which some answers are far likelier than others."""
    from tests.evals.loud import loud  # the libraries, for those who need them
    from tests.fakes.checkpoints import tiny_tokenizer

    folder = tmp_path / "model"
    loud("llama").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
