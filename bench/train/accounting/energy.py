"""Energy of a stretch of time, from a counter that the machine keeps: the GPU's (NVML) or the processor's (RAPL).

Contract: read, never guessed; `None` where there is no counter, it cannot be read, or it did not move. A counter counts
its whole device: what else runs on it is in the figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pynvml
import torch

from bench.machine.other_load import nvml_handle
from bench.record.results.training.ledger import Energy

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Zone:
    """One processor package."""

    folder: Path

    def joules(self) -> float:
        return int((self.folder / "energy_uj").read_text(encoding="ascii")) / 1e6

    def wraps_at(self) -> float:
        return int((self.folder / "max_energy_range_uj").read_text(encoding="ascii")) / 1e6


class EnergyCounter:
    """Counts from the moment it is created."""

    def __init__(self, device: torch.device, *, powercap: Path = _POWERCAP) -> None:
        self._read: Callable[[], Energy | None] = _nvml(device) if device.type == "cuda" else _rapl(powercap)

    def used(self) -> Energy | None:
        """Since it was made."""
        return self._read()


def _nvml(device: torch.device) -> Callable[[], Energy | None]:
    try:
        handle = nvml_handle(device)
        start = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except (pynvml.NVMLError, AttributeError):  # no driver, an old GPU, ROCm
        return lambda: None

    def used() -> Energy | None:
        try:
            now = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        except pynvml.NVMLError:
            return None
        return Energy(joules=(now - start) / 1e3, counter="nvml") if now > start else None

    return used


def _rapl(powercap: Path) -> Callable[[], Energy | None]:
    zones = [_Zone(folder=folder) for folder in sorted(powercap.glob("intel-rapl:[0-9]")) if folder.is_dir()]
    try:
        starts = [zone.joules() for zone in zones]
    except (OSError, ValueError):  # mostly readable by root alone
        return lambda: None

    def used() -> Energy | None:
        try:
            ends = [zone.joules() for zone in zones]
            total = sum(
                end - start if end >= start else end - start + zone.wraps_at()
                for zone, start, end in zip(zones, starts, ends, strict=True)
            )
        except (OSError, ValueError):
            return None
        return Energy(joules=total, counter="rapl") if total > 0 else None

    return used
