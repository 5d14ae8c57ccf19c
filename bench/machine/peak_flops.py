"""The peak that a device reaches on a square matrix product: what utilisation is a share of. Measured, and published.

Contract: measuring draws from a generator of its own, so that a training's random state is what it was.
"""

import math
import time
from collections.abc import Callable

import torch

from bench.machine.device import dtype_of
from bench.suite.tables.models.precision import Precision

_FEWEST_PRODUCTS = 2
_SIDES = {"cuda": 8192, "mps": 1024}
_SIDE_OF_A_THREAD = 512
"""Side of a matrix whose product takes one thread of a processor about three milliseconds: short enough to pass
between two turns of other programs, large enough for the peak."""

_PUBLISHED: tuple[tuple[str, dict[str, float]], ...] = (
    ("B200", {"bf16": 2250e12, "fp16": 2250e12}),
    ("H200", {"bf16": 989e12, "fp16": 989e12}),
    ("H100 PCIe", {"bf16": 756e12, "fp16": 756e12}),
    ("H100 NVL", {"bf16": 835e12, "fp16": 835e12}),
    ("H100", {"bf16": 989e12, "fp16": 989e12}),
    ("A100", {"bf16": 312e12, "fp16": 312e12, "fp32": 19.5e12}),
    ("L40S", {"bf16": 362e12, "fp16": 362e12, "fp32": 91.6e12}),
    ("L4", {"bf16": 121e12, "fp16": 121e12, "fp32": 30.3e12}),
    ("V100", {"fp16": 125e12, "fp32": 15.7e12}),
    ("T4", {"fp16": 65e12, "fp32": 8.1e12}),
)
"""FLOP/s of dense products from the vendor's data sheets, without sparsity; more special names first."""


def measured_peak(precision: Precision, *, device: str, seconds: float) -> float | None:
    """Highest FLOP/s of one product of a square matrix with itself (2n³ FLOPs), of at least two, the first of which
    warms up; `None` where it cannot run. `seconds`: how long it measures, the drawing of the matrix included."""
    n = _SIDES.get(device) or processor_side(torch.get_num_threads())
    best, rounds, end = 0.0, 0, time.perf_counter() + seconds
    try:
        draw = torch.Generator(device).manual_seed(0)
        matrix = torch.randn(n, n, generator=draw, device=device).to(dtype_of(precision))
        while rounds < _FEWEST_PRODUCTS or time.perf_counter() < end:
            best, rounds = max(best, 2 * n**3 / seconds_of_product(matrix, matrix)), rounds + 1
    except RuntimeError:
        return None
    return best


def processor_side(threads: int) -> int:
    """Rows of the matrix whose product gives each of so many threads as much to do as one thread alone has."""
    return 64 * round(_SIDE_OF_A_THREAD * math.cbrt(threads) / 64)


def seconds_of_product(a: torch.Tensor, b: torch.Tensor) -> float:
    """Wall seconds of one product of matrices, with nothing else waiting on their device."""
    synchronize = _synchronizer(a.device.type)
    synchronize()
    start = time.perf_counter()
    torch.matmul(a, b)
    synchronize()
    return time.perf_counter() - start


def published_peak(device_name: str, precision: str) -> float | None:
    """The vendor's figure; `None` where this table has none."""
    words = device_name.replace("-", " ").split()
    for name, peaks in _PUBLISHED:
        if all(word in words for word in name.split()):
            return peaks.get(precision)
    return None


def _synchronizer(device: str) -> Callable[[], None]:
    return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device, lambda: None)
