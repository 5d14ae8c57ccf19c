"""Times that were stored in pytest-benchmark's JSON, by this program or another: a trend to look at, never a verdict.

On shared machines a stored figure of last week differs from today's by more than most regressions do, so nothing here
blocks; `bench.gate.speed.speed_gate` does.

Contract: pure but for reading files.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem

TRAINING = "train["
"""How the names of trainings begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One benchmark in one file."""

    when: str
    """ISO 8601."""
    median: float
    """Seconds per round."""
    machine: str
    """Its processor and device, as far as they are known."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One benchmark over all files, oldest first."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """The name without the file that it was in."""
        return self.name.rpartition("::")[2]

    @property
    def machines(self) -> int:
        """How many different ones these times are of."""
        return len({entry.machine for entry in self.entries})

    @property
    def ratio(self) -> float | None:
        """The newest median over the median of those before; `None` without any before."""
        *before, last = (entry.median for entry in self.entries)
        return last / statistics.median(before) if before and statistics.median(before) > 0 else None


def read_history(paths: Sequence[Path]) -> tuple[Trend, ...]:
    """The benchmarks of pytest-benchmark's files and folders of files, by name.

    Raises `InputError` with every path that is missing or holds no such JSON.
    """
    problems: list[Problem] = []
    entries: dict[str, list[Entry]] = {}
    for path in _files(paths, problems):
        try:
            for name, entry in entries_of(json.loads(path.read_bytes()), source=path.name):
                entries.setdefault(name, []).append(entry)
        except (OSError, ValueError, KeyError, TypeError):
            hint = "write one with: bench export RUN --to pytest-benchmark, or pytest --benchmark-json"
            what = "this is no file of pytest-benchmark"
            problems.append(Problem(reference="gate.bad-history", what=what, where=str(path), hint=hint))
    if problems:
        raise InputError(problems)
    return tuple(
        Trend(name=name, entries=tuple(sorted(series, key=lambda entry: entry.when)))
        for name, series in sorted(entries.items())
    )


def _files(paths: Iterable[Path], problems: list[Problem]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*.json")) if path.is_dir() else [path] if path.is_file() else []
        if not inside:
            hint = "pytest --benchmark-autosave keeps its files under .benchmarks"
            what = "there is no history here"
            problems.append(Problem(reference="gate.no-history", what=what, where=str(path), hint=hint))
        files.extend(inside)
    return files


def entries_of(content: Mapping[str, Any], *, source: str) -> list[tuple[str, Entry]]:
    """By name, from one file's content. Raises `ValueError`, `KeyError` or `TypeError` where it is no such file."""
    when, machine = str(content["datetime"]), _machine(content.get("machine_info") or {})
    return [
        (
            str(benchmark["fullname"]),
            Entry(when=when, median=float(benchmark["stats"]["median"]), machine=machine, source=source),
        )
        for benchmark in content["benchmarks"]
    ]


def _machine(source: Mapping[str, Any]) -> str:
    """Time of a file, from its own field; also of files that pytest-benchmark wrote."""
    names = (source.get("cpu", {}).get("brand_raw") or source.get("processor"), source.get("device"))
    return ", ".join(str(name) for name in names if name)
