"""A run's times in pytest-benchmark's JSON, which its own tool reads.

Contract: pure. What was not measured alone on its machine is marked, not hidden.
"""

import statistics
from collections.abc import Iterable, Sequence

from bench.record.record import EvaluationRecord, Record, TrainingRecord
from bench.report.analysis.training.costs.cost import costs
from bench.report.as_json import Json
from bench.report.imported.stored_times import TRAINING

VERSION = "5.3.0"
"""The version of pytest-benchmark whose file format is written."""
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
