"""Energy is read from a counter or not given: a guessed joule would be believed."""

from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest
import torch

from bench.record.results.training.ledger import Energy
from bench.train.accounting.energy import EnergyCounter

CPU = torch.device("cpu")


def set_counter(zone: Path, microjoules: int) -> None:
    """One package's counter, which wraps at 10 J."""
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text("10000000\n")


def test_packages_add_up_and_a_wrapped_counter_goes_on(tmp_path: Path) -> None:
    set_counter(tmp_path / "intel-rapl:0", 1_000_000)
    set_counter(tmp_path / "intel-rapl:1", 9_000_000)
    set_counter(tmp_path / "intel-rapl:0:0", 0)  # a part of package 0: not counted twice
    counter = EnergyCounter(CPU, powercap=tmp_path)
    set_counter(tmp_path / "intel-rapl:0", 3_500_000)
    set_counter(tmp_path / "intel-rapl:1", 500_000)
    set_counter(tmp_path / "intel-rapl:0:0", 7_000_000)
    used = counter.used()
    assert (used.joules, used.counter) == (pytest.approx(2.5 + 1.5), "rapl")


def test_without_a_counter_nothing_is_claimed(tmp_path: Path) -> None:
    assert EnergyCounter(CPU, powercap=tmp_path).used() is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert EnergyCounter(CPU, powercap=tmp_path).used() is None


def test_a_counter_that_stands_still_says_nothing(tmp_path: Path) -> None:
    set_counter(tmp_path / "intel-rapl:0", 5)
    counter = EnergyCounter(CPU, powercap=tmp_path)
    assert counter.used() is None
    set_counter(tmp_path / "intel-rapl:0", 250_005)
    used = counter.used()
    assert used is not None, "less than one joule is a reading"
    assert used.joules == pytest.approx(0.25)


class FakeGpu:
    """NVML's counter of one GPU, in millijoules."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, uuid: str = "1234-abcd") -> None:
        self.millijoules = 5_000
        self.asked: list[str] = []
        properties = SimpleNamespace(uuid=uuid)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
        self.ready = False
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: setattr(self, "ready", True))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", self.handle)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", self.consumption)

    def handle(self, uuid: str) -> str:
        """NVML answers nothing before it is initialised."""
        if not self.ready:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        self.asked.append(uuid)
        return uuid

    def consumption(self, handle: str) -> int:
        """Since the driver was loaded."""
        if self.millijoules < 0:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.millijoules


@pytest.mark.parametrize("uuid", ["1234-abcd", "GPU-1234-abcd"])
def test_a_gpus_energy_is_its_own_counters_difference(monkeypatch: pytest.MonkeyPatch, uuid: str) -> None:
    """Asked for by the GPU's own name, which torch gives with or without its prefix: its number may be another one
    under CUDA_VISIBLE_DEVICES."""
    gpu = FakeGpu(monkeypatch, uuid)
    counter = EnergyCounter(torch.device("cuda"))
    assert counter.used() is None, "it did not move"
    gpu.millijoules += 2_500
    assert counter.used() == Energy(joules=2.5, counter="nvml")
    assert gpu.asked == ["GPU-1234-abcd"]
    gpu.millijoules = -1
    assert counter.used() is None


def test_a_gpu_without_a_counter_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeGpu(monkeypatch).millijoules = -1
    assert EnergyCounter(torch.device("cuda")).used() is None
