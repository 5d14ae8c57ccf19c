"""The peak that this device reaches on a square matrix product, per precision: what MFU is a share of.

Run as ``python -m bench.perf.matmul``: torch is loaded in that process alone; it prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

_SECONDS_PER_PRECISION = 0.6
_PRECISIONS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def device_name() -> str:
    """`cuda`, `mps` or `cpu`: the best that torch can use here (ROCm answers as cuda)."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def measured_peak(precision: str, *, device: str, seconds: float = _SECONDS_PER_PRECISION) -> float | None:
    """Highest FLOP/s of one square product (2n³ FLOPs) over repeats for `seconds`; `None` where it cannot run."""
    n = 8192 if device == "cuda" else 1024
    try:
        a, b = (torch.randn(n, n, device=device).to(_PRECISIONS[precision]) for _ in range(2))
        torch.matmul(a, b)
    except RuntimeError:
        return None
    synchronize = _synchronizer(device)
    best = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        synchronize()
        start = time.perf_counter()
        torch.matmul(a, b)
        synchronize()
        best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


def _synchronizer(device: str) -> Callable[[], None]:
    if device == "cuda":
        return torch.cuda.synchronize
    if device == "mps":
        return torch.mps.synchronize
    return lambda: None


def main() -> None:
    """Print device, threads and peaks as JSON."""
    device = device_name()
    json.dump(
        {
            "device": device,
            "name": torch.cuda.get_device_name() if device == "cuda" else None,
            "threads": torch.get_num_threads(),
            "peak_flops": {precision: measured_peak(precision, device=device) for precision in _PRECISIONS},
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
