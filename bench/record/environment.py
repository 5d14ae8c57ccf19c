"""Facts about the machine, the libraries and the checkout; found without importing torch. No secret is read.

Only what is named here is recorded: no environment variable and no host name.
"""

import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from bench.record.machine import Machine
from bench.record.record import Environment, GitState

TRAINING_LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "numpy")
EVAL_LIBRARIES = (
    "torch", "transformers", "peft", "tokenizers", "numpy", "lm_eval", "evaluate", "sacrebleu", "rouge_score",
)  # fmt: skip
_REPORTED = (*TRAINING_LIBRARIES, "lm_eval", "datasets", "scipy")
_GIT_SECONDS = 10


def environment(*, workers: int, threads: int) -> Environment:
    """This machine, now. `threads` is per worker."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        processor=processor(),
        cores=cores(),
        memory_bytes=psutil.virtual_memory().total,
        device=device(),
        versions=versions(_REPORTED),
        workers=workers,
        threads=threads,
    )


def this_machine() -> Machine:
    """What of this machine a speed depends on. Cores that a scheduler gave this process are not counted, for they are
    what the job asked for."""
    present = os.cpu_count() or 1
    return Machine(device=device(), processor=processor(), cores=min(present, _quota() or present))


def cores() -> int:
    """Cores that this process may use: its affinity, and its control group's quota rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(allowed, _quota() or allowed))


@functools.cache
def _quota() -> int | None:
    """Cores of the control group, as they were at first sight: each of a plan's jobs asks."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return -(-int(limit) // int(period))
    except (OSError, ValueError):
        return None


@functools.cache
def processor() -> str:
    """The processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def device() -> str:
    """`cpu`, `cuda: NAME` or `mps`: what torch will choose, foretold from the driver and torch's own build."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else "cpu"
    if versions(("torch",)).get("torch", "").endswith("+cpu"):
        return "cpu"
    name = _first_gpu()
    return "cpu" if name is None else f"cuda: {name}"


_NO_GPU = {"", "-1", "NoDevFiles"}
"""What ends the list of visible ones."""


def gpus() -> int:
    """How many of them torch will see; 0 where `device` is none."""
    if not device().startswith("cuda"):
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [name.strip() for name in visible.split(",")]
        return next((place for place, name in enumerate(named) if name in _NO_GPU), len(named))
    import pynvml

    pynvml.nvmlInit()  # `device` has seen one
    try:
        return int(pynvml.nvmlDeviceGetCount())
    finally:
        pynvml.nvmlShutdown()


def _first_gpu() -> str | None:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = None if visible is None else visible.split(",")[0].strip()
    if first is not None and first in _NO_GPU:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        by_id = first is not None and not first.isdigit()
        handle = (
            pynvml.nvmlDeviceGetHandleByUUID(first) if by_id else pynvml.nvmlDeviceGetHandleByIndex(int(first or 0))
        )
        name = pynvml.nvmlDeviceGetName(handle)
        return name.decode() if isinstance(name, bytes) else str(name)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed versions by distribution name; what is not installed is left out."""
    installed = {name: _version(name) for name in names}
    return {name: version for name, version in installed.items() if version is not None}


@functools.cache
def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_state(folder: Path | None = None) -> GitState | None:
    """Commit and dirty flag of the checkout that this program runs from; `None` if it is not one, or has no commit."""
    root = folder or Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain")
    if commit is None or status is None:
        return None
    return GitState(commit=commit.strip(), dirty=bool(status.strip()))


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        completed = subprocess.run(  # fixed words, no shell
            command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout if completed.returncode == 0 else None
