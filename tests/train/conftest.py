"""A base and rows, once for each file that trains."""

from pathlib import Path

import pytest

from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import WORLD_ROWS, stored_data


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and stored rows."""
    folder = tmp_path_factory.mktemp("world")
    tiny_checkpoint(folder / "base")
    stored_data(folder, WORLD_ROWS)
    return folder
