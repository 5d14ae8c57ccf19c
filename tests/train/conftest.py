"""A base and rows, once for each file that trains; and trainings that count no operations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.model.size.flops import FlopModel, Rates
from bench.train.accounting import ledger
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import WORLD_ROWS, stored_data

ONE = Rates(position=1, pair=1, head_position=1, forward_pass=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base and stored rows."""
    folder = tmp_path_factory.mktemp("world")
    tiny_checkpoint(folder / "base")
    stored_data(folder, WORLD_ROWS)
    return folder


@pytest.fixture(scope="module")
def uncounted() -> Iterator[None]:
    """Ledgers hold made-up operations: counting them takes long, and a count that fails fails no training.

    For tests that read no operations. tests/model/size/test_flops.py, tests/train/accounting and
    tests/train/test_planned.py have those.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "training_rates", lambda *_, **__: FlopModel(forward=ONE, backward=ONE))
        yield
