"""The fake worker, whose every eval fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.emit import Emit
from bench.run.process.child import Work
from tests.fakes import worker


def evaluate(payload: dict[str, Any], folder: Path, emit: Emit) -> None:
    """Fails."""
    raise RuntimeError("no score today")


KINDS: dict[str, Work] = {**worker.KINDS, "eval": evaluate}
