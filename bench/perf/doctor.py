"""What this machine can do, examined now: device, cores, memory, disk, measured matmul peak, versions, hub.

Light: torch runs in a child process, so a broken torch is a finding and not a crash of the doctor.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.places import home
from bench.record.environment import versions
from bench.spec import Spec
from bench.units import GIB

LIBRARIES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "lm-eval",
    "evaluate",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
)
_MATMUL_TIMEOUT_SECONDS = 120
_HUB_TIMEOUT_SECONDS = 3


class Hub(Spec):
    """Whether the model hub answers."""

    reachable: bool
    reason: str | None
    """Why not."""
    token: bool
    """Whether a token is set in the environment; its value is never read further."""


class Examination(Spec):
    """What `bench doctor` found."""

    python: str
    platform: str
    cores: int
    memory_bytes: int
    memory_available_bytes: int
    disk_free_bytes: int
    """Free space where checkpoints and caches would be stored."""
    device: str | None
    """`cpu`, `cuda`, `mps`; `None` if torch does not start."""
    device_name: str | None
    peak_flops: dict[str, float | None]
    """Measured FLOP/s of a square product, by precision; `None` where the device cannot."""
    threads: int | None
    """Threads that the peak was measured with."""
    torch_problem: str | None
    versions: dict[str, str | None]
    """`None`: not installed."""
    hub: Hub


def examine() -> Examination:
    """Look at everything once; takes some seconds, most of them torch starting."""
    matmul, problem = _measure_matmul()
    memory, installed = psutil.virtual_memory(), versions(LIBRARIES)
    return Examination(
        python=platform.python_version(),
        platform=platform.platform(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1),
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_free_bytes=shutil.disk_usage(_existing(home())).free,
        device=matmul.get("device"),
        device_name=matmul.get("name"),
        peak_flops=matmul.get("peak_flops", {}),
        threads=matmul.get("threads"),
        torch_problem=problem,
        versions={name: installed.get(name) for name in LIBRARIES},
        hub=_ask_hub(),
    )


def _measure_matmul() -> tuple[dict, str | None]:  # type: ignore[type-arg]  # JSON of bench.perf.matmul.main
    command = [sys.executable, "-m", "bench.perf.matmul"]
    try:
        completed = subprocess.run(
            command, capture_output=True, text=True, timeout=_MATMUL_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer within {_MATMUL_TIMEOUT_SECONDS} s"
    if completed.returncode != 0:
        return {}, (completed.stderr.strip().splitlines() or [f"exit code {completed.returncode}"])[-1]
    return json.loads(completed.stdout), None


def _ask_hub() -> Hub:
    from huggingface_hub import constants

    token = any(os.environ.get(name) for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
    if constants.HF_HUB_OFFLINE:
        return Hub(reachable=False, reason="HF_HUB_OFFLINE is set", token=token)
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310  # the hub library's own address
    try:
        with urllib.request.urlopen(request, timeout=_HUB_TIMEOUT_SECONDS):  # noqa: S310  # same
            return Hub(reachable=True, reason=None, token=token)
    except urllib.error.HTTPError as error:
        return Hub(reachable=error.code < 500, reason=f"it answered {error.code}", token=token)
    except (OSError, ValueError) as error:
        return Hub(reachable=False, reason=str(getattr(error, "reason", error)), token=token)


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


def print_examination(examination: Examination, console: Console) -> None:
    """Print the findings as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    for name, text in _lines(examination):
        table.add_row(name, Text(text))
    console.print(table)


def _lines(examination: Examination) -> list[tuple[str, str]]:
    device = examination.device or f"torch does not start: {examination.torch_problem}"
    hub = (
        "reachable"
        if examination.hub.reachable
        else f"not reachable ({examination.hub.reason}); local models and data still work"
    )
    return [
        ("python", f"{examination.python} on {examination.platform}"),
        ("device", device + (f": {examination.device_name}" if examination.device_name else "")),
        ("cores", str(examination.cores)),
        (
            "memory",
            f"{examination.memory_available_bytes / GIB:.1f} of {examination.memory_bytes / GIB:.1f} GiB available",
        ),
        ("disk", f"{examination.disk_free_bytes / GIB:.1f} GiB free under {home()}"),
        *(
            (
                f"matmul {precision}",
                "n/a" if peak is None else f"{peak / 1e9:,.0f} GFLOP/s, {examination.threads} threads",
            )
            for precision, peak in examination.peak_flops.items()
        ),
        ("hub", f"{hub}; token {'set' if examination.hub.token else 'not set'}"),
        *((name, version or "not installed") for name, version in examination.versions.items()),
    ]
