"""Work of other programs on the machine while this one measures: processor time, processes on the GPU.

Contract: read, never guessed; `None` where the machine does not say. Another job of the run, and another run, are other
programs. Time that a hypervisor takes counts as theirs.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import psutil
import pynvml
import torch

from bench.record.results.training.ledger import OtherLoad


class OtherLoadCounter:
    """Counts from the moment it is created."""

    def __init__(
        self,
        device: torch.device,
        *,
        clock: Callable[[], float] = time.perf_counter,
        all_seconds: Callable[[], float | None] | None = None,
        own_seconds: Callable[[], float] | None = None,
        gpu_processes: Callable[[torch.device], int | None] | None = None,
    ) -> None:
        """`all_seconds`: processor time of the whole machine; `own_seconds`: of this process and its children."""
        self._device, self._clock = device, clock
        self._all = all_seconds or busy_seconds
        self._own = own_seconds or process_seconds
        self._gpu = gpu_processes or gpu_process_count
        self._since = (clock(), self._all(), self._own())
        self._on_gpu = self._gpu(device)

    def seen(self, over_ranks: Callable[[float], float] = float) -> OtherLoad:
        """Others' load since it was made. `over_ranks`: from this process's seconds to the sum over all ranks."""
        now, total, own = self._clock(), self._all(), self._own()
        since, total_before, own_before = self._since
        ours = over_ranks(own - own_before)
        share = None
        if total is not None and total_before is not None and now > since:
            others = max(0.0, total - total_before - ours)
            share = min(1.0, others / ((now - since) * (os.cpu_count() or 1)))
        counts = [count for count in (self._on_gpu, self._gpu(self._device)) if count is not None]
        return OtherLoad(processor_share=share, gpu_processes=max(0, max(counts) - 1) if counts else None)


def busy_seconds() -> float | None:
    """Processor seconds that all programs of the machine have used since it started; `None` where nobody counts."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")  # guests are in `user` and `nice` already
    busy = float(sum(seconds for name, seconds in times.items() if name not in idle))
    return busy or None


def process_seconds() -> float:
    """Processor seconds of this process and its children, those at work included."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            used = child.cpu_times()
        except psutil.Error:
            continue
        own += used.user + used.system
    return own


def gpu_process_count(device: torch.device) -> int | None:
    """Processes with work on the device, this one included; `None` on a processor, or where the driver does not say."""
    if device.type != "cuda":
        return None
    try:
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses(nvml_handle(device)))
    except (pynvml.NVMLError, AttributeError):  # no driver, an old GPU, ROCm
        return None


def nvml_handle(device: torch.device) -> Any:
    """The device by its driver's name for it. Raises `NVMLError` or `AttributeError` where there is none."""
    pynvml.nvmlInit()
    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
