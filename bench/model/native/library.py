"""The C++ of this room as a loaded library, compiled once for each kind of processor of a machine.

Contract: `None` where there is no compiler, the processor has no vectors of eight numbers (AVX2), or what was made
cannot be loaded: then nothing of this room is used.
"""

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from enum import IntEnum
from functools import cache
from pathlib import Path

import torch

from bench.digest import digest_files, digest_json
from bench.places import user_cache

SOURCES = Path(__file__).parent / "cpp"
"""Folder of what is compiled, and of what that includes."""
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")
"""OpenMP is that of torch: it is loaded already, and has the same name."""
_SECONDS = 300
"""Time that a compiler has on a busy machine; usually it takes one second."""


@cache
def native_library() -> ctypes.CDLL | None:
    """The loaded library; compiles it if no process has before."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
    if compiler is None:
        return None
    sources = digest_files(SOURCES, SOURCES.iterdir())
    key = digest_json([sources, FLAGS, compiler, platform.machine(), _processor(), torch.__version__])
    try:
        compiled = user_cache() / f"native-{key[:16]}.so"
        if not compiled.exists():
            _compile(compiler, compiled)
        return ctypes.CDLL(str(compiled))
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: a user without a home
        return None


def lanes() -> int:
    """Outputs of a panel: the numbers of one of the processor's vectors."""
    library = native_library()
    assert library is not None, "asked for before"
    return int(library.lanes())


class Products(IntEnum):
    """How products of weights in bf16 are made: `By` of `packed_rows.hpp`."""

    WIDENED = 0
    """Products of fp32."""
    WORDS = 1
    """The processor's products of two numbers of bf16 (AVX512_BF16), of inputs that are rounded to bf16."""
    TILED = 2
    """The processor's tiles of bf16 (AMX), of inputs in one piece or three."""


@cache
def bf16_products() -> Products:
    """The best that processor and compiler know, and the kernel permits."""
    library = native_library()
    return Products.WIDENED if library is None else Products(library.bf16_products())


def _compile(compiler: str, to: Path) -> None:
    """Writes the library whole, whoever else does so at the same time."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent) as folder:
        made = Path(folder) / to.name
        subprocess.run(
            [compiler, *FLAGS, *map(str, sorted(SOURCES.glob("*.cpp"))), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
        made.replace(to)


def _processor() -> list[str]:
    """What `-march=native` asks of the processor: one folder may serve machines of several kinds."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return [platform.processor()]
    return sorted({line for line in lines if line.startswith(("flags", "Features", "model name", "CPU part"))})
