"""A peak that trainings of tests have instead of measuring it, which takes as long as the steps of a tiny training.

Measuring is tested in tests/perf/test_peak.py, what is made of it in tests/train/accounting; a fresh interpreter
(tests/functional/test_end_to_end.py) measures.
"""

import sys

import pytest

PEAK = 1e12
"""FLOP/s, above what a processor of a test reaches."""


def know_peak(patch: pytest.MonkeyPatch) -> None:
    """Trainings of this process, and of its forks, take `PEAK` for measured. Nothing where none can train."""
    if (reader := sys.modules.get("bench.train.accounting.utilization")) is not None:
        patch.setattr(reader, "measured_peak", lambda precision, *, device, seconds: PEAK)
