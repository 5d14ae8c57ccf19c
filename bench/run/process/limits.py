"""Whether a job takes more than the suite allows it: wall time and resident memory, looked at from outside.

Resident memory is what the machine runs out of. Limits that the kernel enforces (`RLIMIT_AS`, `RLIMIT_DATA`) count
addresses, of which torch and CUDA reserve many times what they use.
"""

import re
from pathlib import Path

import psutil

from bench.record.record import Failure
from bench.suite.tables.suite import Limits
from bench.units import GIB


def exceeded(limits: Limits, *, pid: int | None, seconds: float, processes: int = 1) -> Failure | None:
    """The failure of a job that has run for `seconds` as process `pid`; `None` while it keeps within its limits.

    `processes`: how many it runs in, all counted; the others are children of `pid`.
    """
    if limits.seconds is not None and seconds > limits.seconds:
        return Failure(kind="timeout", message=f"ended after {seconds:.0f} s (run.limits.seconds = {limits.seconds:g})")
    if limits.memory_gib is None or pid is None:
        return None
    resident = resident_bytes(pid, children=processes > 1)
    if resident is None or resident <= limits.memory_gib * GIB:
        return None
    taken = f"{resident / GIB:.2f} GiB resident"
    return Failure(kind="out_of_memory", message=f"{taken} (run.limits.memory_gib = {limits.memory_gib:g})")


def resident_bytes(pid: int, *, children: bool = False) -> int | None:
    """Resident memory of a process, and of its children; `None` once it, or one that was seen, has ended."""
    try:
        process = psutil.Process(pid)
        return sum(int(member.memory_info().rss) for member in (process, *(process.children() if children else ())))
    except psutil.Error:
        return None


def peak_resident_bytes(pid: int | None) -> int | None:
    """Highest resident memory of a process and its children so far, each at its own peak; `None` where the system does
    not say."""
    try:
        processes = [] if pid is None else [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        status = [Path(f"/proc/{process.pid}/status").read_text(encoding="ascii") for process in processes]
    except (OSError, psutil.Error):
        return None
    peaks = [int(kilobytes) * 1024 for text in status for kilobytes in re.findall(r"VmHWM:\s+(\d+)", text)]
    return sum(peaks) or None
