"""The measured peak is the denominator of MFU; and measuring it must not change a training."""

import pytest
import torch

from bench.machine.peak_flops import measured_peak, processor_side, published_peak


def test_the_peak_is_a_plausible_rate_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    peak = measured_peak("fp32", device="cpu", seconds=0.01)
    assert peak is not None
    assert 1e8 < peak < 1e15
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [("NVIDIA H200", "bf16", 989e12), ("NVIDIA H100 PCIe", "bf16", 756e12), ("NVIDIA H100 80GB HBM3", "bf16", 989e12),
     ("NVIDIA A100-SXM4-80GB", "bf16", 312e12), ("Tesla T4", "bf16", None), ("NVIDIA L40S", "bf16", 362e12),
     ("NVIDIA L4", "bf16", 121e12), ("a processor", "fp32", None)],
)  # fmt: skip
def test_published_peaks_are_those_of_the_very_device(name: str, precision: str, peak: float | None) -> None:
    """An L40S is no L4, and an unknown device has no figure."""
    assert published_peak(name, precision) == peak


@pytest.mark.parametrize("threads", [1, 2, 8, 64])
def test_each_thread_of_a_processor_has_equal_work_in_a_product(threads: int) -> None:
    """A product that takes long is interrupted by other programs, and its rate is not the peak."""
    work = processor_side(threads) ** 3 / threads
    assert work == pytest.approx(processor_side(1) ** 3, rel=0.15)
