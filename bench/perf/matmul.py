"""The peak that this device reaches on a square matrix product, per precision: what MFU is a share of.

Run as ``python -m bench.perf.matmul``: torch is loaded in that process alone; it prints one JSON object.
"""

import json
import sys

import torch

from bench.machine.peak_flops import measured_peak
from bench.suite.tables.models.precision import Precision

_SECONDS_PER_PRECISION = 0.6
_PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16")


def device_name() -> str:
    """`cuda`, `mps` or `cpu`: the best that torch can use here (ROCm answers as cuda)."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def main() -> None:
    """Print device, threads and peaks as JSON."""
    device = device_name()
    peaks = {name: measured_peak(name, device=device, seconds=_SECONDS_PER_PRECISION) for name in _PRECISIONS}
    json.dump(
        {
            "device": device,
            "name": torch.cuda.get_device_name() if device == "cuda" else None,
            "threads": torch.get_num_threads(),
            "peak_flops": peaks,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
