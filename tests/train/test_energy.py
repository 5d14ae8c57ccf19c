"""Energy is read from a counter or not given: a guessed joule would be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.train.energy import EnergyCounter

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
    assert used is not None
    assert (used.joules, used.counter) == (pytest.approx(2.5 + 1.5), "rapl")


def test_without_a_counter_nothing_is_claimed(tmp_path: Path) -> None:
    assert EnergyCounter(CPU, powercap=tmp_path).used() is None
    (tmp_path / "intel-rapl:0").mkdir()
    assert EnergyCounter(CPU, powercap=tmp_path).used() is None


def test_a_counter_that_stands_still_says_nothing(tmp_path: Path) -> None:
    set_counter(tmp_path / "intel-rapl:0", 5)
    assert EnergyCounter(CPU, powercap=tmp_path).used() is None
