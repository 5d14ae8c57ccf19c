"""Peak memory of a phase: of this process and of the device, counted from `start`.

What is measured: the resident set of this process, shared pages included. A child forked from a server that has the
libraries loaded starts with their pages resident, as it would if it had imported them itself.
"""

import threading
from pathlib import Path

import psutil
import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_SAMPLE_SECONDS = 0.05


class PeakMemory:
    """Peaks since `start`. On Linux the kernel keeps the peak; elsewhere a thread samples it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._peak = 0
        self._stop: threading.Event | None = None

    def start(self) -> None:
        """Forgets earlier peaks."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        try:
            _RESET.write_text("5")  # proc(5): resets VmHWM to the current resident set
        except OSError:
            self._stop = threading.Event()
            threading.Thread(target=self._sample, args=(self._stop,), daemon=True).start()

    def process_bytes(self) -> int | None:
        """Peak resident bytes of this process."""
        if self._stop is None:
            return _high_water_mark()
        self._stop.set()
        return self._peak or None

    def device_bytes(self) -> int | None:
        """Peak bytes allocated on the device; `None` on a processor."""
        return int(torch.cuda.max_memory_allocated(self._device)) if self._device.type == "cuda" else None

    def _sample(self, stop: threading.Event) -> None:
        process = psutil.Process()
        while not stop.is_set():
            self._peak = max(self._peak, process.memory_info().rss)
            stop.wait(_SAMPLE_SECONDS)


def _high_water_mark() -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
