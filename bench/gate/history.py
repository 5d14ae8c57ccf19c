"""Stored history in pytest-benchmark's JSON, out of a run and in from files: a trend to look at, never a verdict.

On shared machines a stored figure of last week differs from today's by more than most regressions do, so nothing here
blocks; `bench.gate.speed.speed_gate` does.

Contract: pure but for reading files. What was not measured alone on its machine is marked, not hidden.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem
from bench.record.record import EvaluationRecord, Record, TrainingRecord
from bench.report.analysis.training.costs.cost import costs
from bench.report.as_json import Json

VERSION = "5.3.0"
"""The version of pytest-benchmark whose file format is written."""
TRAINING = "train["
"""How the names of trainings begin."""
_OPTIONS = {
    "disable_gc": False, "timer": "perf_counter", "min_rounds": 1, "max_time": 0.0, "min_time": 0.0, "warmup": True,
}  # fmt: skip


def pytest_benchmark_json(record: Record) -> Json:
    """A run as a file that `pytest-benchmark compare` reads: one benchmark per arm (seconds per optimiser step, warm-up
    left out) and per arm and eval (seconds of evaluation, a round per seed)."""
    environment, git = record.environment, record.git
    return {
        "machine_info": {
            "node": "", "processor": environment.processor, "machine": environment.platform,
            "python_version": environment.python, "system": environment.platform, "release": "",
            "cpu": {"brand_raw": environment.processor, "count": environment.cores}, "device": environment.device,
        },
        "commit_info": {
            "id": None if git is None else git.commit, "dirty": None if git is None else git.dirty,
            "time": record.created, "project": "sft-bench", "branch": "",
        },
        "benchmarks": [*_trainings(record), *_evaluations(record)],
        "datetime": record.finished or record.created,
        "version": VERSION,
    }  # fmt: skip


def _trainings(record: Record) -> list[Json]:
    by_arm: dict[str, list[TrainingRecord]] = {}
    for training in record.trainings:
        by_arm.setdefault(training.arm, []).append(training)
    figures = {cost.arm: cost for cost in costs(record)}
    benchmarks = []
    for arm, trainings in by_arm.items():
        results = [training.result for training in trainings if training.result is not None]
        data = [step.seconds for result in results for step in result.steps[result.ledger.warmup_steps_left_out :]]
        if not data:
            continue
        cost = figures[arm]
        extra = {
            "tokens_per_second": cost.tokens_per_second,
            "shared": cost.tokens_per_second is None,
            "tokens": cost.tokens,
            "supervised_tokens": cost.supervised_tokens,
            "slots": cost.slots,
            "peak_bytes": cost.memory_bytes,
            "digest": record.digest,
        }
        benchmarks.append(_benchmark("training step", f"{TRAINING}{_suite(record)}:{arm}]", data, extra))
    return benchmarks


def _evaluations(record: Record) -> list[Json]:
    groups: dict[tuple[str, str], list[EvaluationRecord]] = {}
    for evaluation in record.evaluations:
        groups.setdefault((evaluation.eval, evaluation.arm or evaluation.subject), []).append(evaluation)
    benchmarks = []
    for (name, arm), evaluations in groups.items():
        results = [entry.result for entry in evaluations if entry.result is not None]
        data = [result.seconds.evaluation for result in results]
        if data:
            title = f"eval[{_suite(record)}:{name}:{arm}]"
            counts = {
                "tokens": _mean(result.tokens for result in results),
                "slots": _mean(result.slots for result in results),
            }
            extra = {**counts, "shared": True, "digest": record.digest}
            benchmarks.append(_benchmark("evaluation", title, data, extra))
    return benchmarks


def _mean(counts: Iterable[int | None]) -> float | None:
    """Over the seeds; `None` where one is not known."""
    by_seed = list(counts)
    return None if None in by_seed else statistics.fmean(count for count in by_seed if count is not None)


def _suite(record: Record) -> str:
    name, profile = record.resolved.suite.name, record.resolved.profile
    return name if profile is None else f"{name}/{profile}"


def _benchmark(group: str, name: str, data: Sequence[float], extra: Json) -> Json:
    return {
        "group": group, "name": name, "fullname": f"bench::{name}", "params": None, "param": None,
        "extra_info": extra, "options": _OPTIONS, "stats": {**describe(data), "data": list(data)},
    }  # fmt: skip


def describe(data: Sequence[float]) -> Json:
    """pytest-benchmark's statistics of some rounds (at least one), in seconds."""
    ordered = sorted(data)
    mean, median = statistics.fmean(ordered), statistics.median(ordered)
    deviation = statistics.stdev(ordered) if len(ordered) > 1 else 0.0
    q1, _, q3 = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else (median,) * 3
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    far = sum(value < low or value > high for value in ordered)
    wide = sum(abs(value - mean) > deviation for value in ordered)
    return {
        "min": ordered[0], "max": ordered[-1], "mean": mean, "stddev": deviation, "rounds": len(ordered),
        "median": median, "iqr": q3 - q1, "q1": q1, "q3": q3, "iqr_outliers": far, "stddev_outliers": wide,
        "outliers": f"{wide};{far}", "ld15iqr": min(value for value in ordered if value >= low),
        "hd15iqr": max(value for value in ordered if value <= high), "ops": 1 / mean if mean else 0.0,
        "total": sum(ordered), "iterations": 1,
    }  # fmt: skip


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
