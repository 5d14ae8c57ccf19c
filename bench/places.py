"""Folders of what ships with the program, and of what it keeps between runs."""

import os
from pathlib import Path
from typing import Literal


def shipped(kind: Literal["models", "suites"]) -> Path:
    """The folder of shipped model cards or suites: beside the package in a checkout, inside it once installed."""
    package = Path(__file__).parent
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def home() -> Path:
    """Checkpoints and caches: `$BENCH_HOME`, else `.bench` in the current folder. Not created here."""
    return Path(os.environ.get("BENCH_HOME") or ".bench").absolute()


INSTALLED = "installed.txt"
"""File of an engine's environment with what is installed there, a `NAME==VERSION` on each line; written last."""


def engine_folder(name: str) -> Path:
    """Where the environment of an engine is, or would be."""
    return home() / "engines" / name


def user_cache() -> Path:
    """What belongs to this machine and user whatever the home: compiled code. Not created here."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sft-bench"
