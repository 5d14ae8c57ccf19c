"""Whether a job takes more than the suite allows it: wall time and resident memory, looked at from outside.

Resident memory is what the machine runs out of. Limits that the kernel enforces (`RLIMIT_AS`, `RLIMIT_DATA`) count
addresses, of which torch and CUDA reserve many times what they use.
"""

from __future__ import annotations

import psutil

from bench.record.record import Failure
from bench.suite.suite import Limits

_GIB = 1 << 30


def exceeded(limits: Limits, *, pid: int | None, seconds: float) -> Failure | None:
    """The failure of a job that has run for `seconds` as process `pid`; `None` while it keeps within its limits."""
    if limits.seconds is not None and seconds > limits.seconds:
        return Failure(kind="timeout", message=f"ended after {seconds:.0f} s (run.limits.seconds = {limits.seconds:g})")
    if limits.memory_gib is None or pid is None:
        return None
    resident = resident_bytes(pid)
    if resident is None or resident <= limits.memory_gib * _GIB:
        return None
    taken = f"{resident / _GIB:.2f} GiB resident"
    return Failure(kind="out_of_memory", message=f"{taken} (run.limits.memory_gib = {limits.memory_gib:g})")


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process; `None` once it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
