"""Peak memory: a figure that misses the peak, or holds an earlier one, would be believed."""

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from bench.machine import peak_memory as memory
from bench.machine.peak_memory import PeakMemory
from bench.train.accounting.ledger import MemoryByPhase

SIZE = 300 * 2**20


@contextmanager
def _resident(size: int) -> Iterator[None]:
    """Pages of their own: an allocator may serve a tensor from memory that an earlier test left resident."""
    with mmap.mmap(-1, size) as pages:
        for page in range(0, size, mmap.PAGESIZE):
            pages[page] = 1
        yield


@pytest.mark.parametrize("kernel", [True, False])
def test_the_peak_of_the_phase_is_seen_and_an_earlier_one_forgotten(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kernel: bool
) -> None:
    """With the kernel's own mark, and with samples where it cannot be reset."""
    if not kernel:
        monkeypatch.setattr(memory, "_RESET", tmp_path / "missing" / "clear_refs")
    peaks = []
    with _resident(2 * SIZE):
        pass
    for size in (1, SIZE):
        peak = PeakMemory(torch.device("cpu"))
        peak.start()
        with _resident(size):
            time.sleep(0.2 if kernel else 1.0)  # twenty samples, of which a busy machine may take few
        peaks.append(peak.process_bytes() or 0)
    assert 0.8 * SIZE < peaks[1] - peaks[0] < 1.5 * SIZE
    assert PeakMemory(torch.device("cpu")).device_bytes() is None


def test_a_devices_peak_is_that_of_each_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training's peak must not be the one that loading the model had."""
    allocated = {"peak": 9_000}
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: allocated["peak"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: allocated.update(peak=100))
    phases = MemoryByPhase(torch.device("cuda"))
    for phase, peak in (("start_up", 700), ("training", 500), ("saving", 200)):
        allocated["peak"] = max(allocated["peak"], peak)
        phases.end(phase)
    assert [(one.phase, one.device_bytes) for one in phases.phases] == [
        ("start_up", 700), ("training", 500), ("saving", 200),
    ]  # fmt: skip
    assert all(one.process_bytes for one in phases.phases)
