"""What the fork server of real jobs imports, once: what instant ones need, and the real worker with its libraries."""

import pytest

import bench.worker.kinds
import tests.fakes.light
from tests.fakes.known_peak import know_peak

know_peak(pytest.MonkeyPatch())

__all__ = ["bench", "tests"]
