"""pytest-benchmark fixtures for training steps and evaluation batches, so that `pytest --benchmark-compare` works.

    def test_training_step(benchmark_training):
        benchmark_training("suites/mine.toml", arm="a/lora")

    def test_evaluation_batch(benchmark_evaluation):
        benchmark_evaluation("suites/mine.toml", eval="qa")

A round is one optimiser step, or one batch, of a worker process, on one thread of a processor. Extra info holds what
the timed rounds did, summed: `tokens` (non-padding; of an eval those read or generated), `slots` (with padding),
`supervised_tokens` or `examples`, `model_flops` (forward and backward; of an eval forward), most also per second;
beside them the worker's peak memory. Stored times are advice on a shared machine: `bench gate speed` is what blocks.

Contract: importing this is light; the libraries are loaded by the worker.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from bench.gate.speed.stepping import Stepped

_ROUNDS, _WARMUP = 10, 3
_SECONDS_TO_ANSWER = 600.0


class StepBenchmark(Protocol):
    """What both fixtures are."""

    def __call__(
        self,
        suite: str | Path,
        *,
        arm: str | None = None,
        eval: str | None = None,  # noqa: A002  # the suite's own word
        profile: str | None = None,
        overrides: Sequence[str] = (),
        rounds: int = _ROUNDS,
        warmup: int = _WARMUP,
    ) -> None: ...


@pytest.fixture
def benchmark_training(benchmark: Any, tmp_path: Path) -> StepBenchmark:
    """Benchmarks optimiser steps of an arm (default: the suite's first)."""

    def run(suite: str | Path, **options: Any) -> None:
        _run(benchmark, suite, tmp_path, options)

    return run


@pytest.fixture
def benchmark_evaluation(benchmark: Any, tmp_path: Path) -> StepBenchmark:
    """Benchmarks batches of the base on an eval."""

    def run(suite: str | Path, **options: Any) -> None:
        if options.get("eval") is None:
            raise ValueError("name the eval: benchmark_evaluation(suite, eval=...)")
        _run(benchmark, suite, tmp_path, options)

    return run


def _run(benchmark: Any, suite: str | Path, folder: Path, options: dict[str, Any]) -> None:
    from bench.gate.speed.version_process import VersionProcess
    from bench.gate.speed.versions import our_version
    from bench.suite.load import load_suite

    overrides = tuple(options.get("overrides", ()))
    loaded = load_suite(suite, profile=options.get("profile"), overrides=overrides)
    rounds, warmup = options.get("rounds", _ROUNDS), options.get("warmup", _WARMUP)
    request = {
        "suite": str(loaded.path), "profile": loaded.profile, "overrides": list(overrides), "arm": options.get("arm"),
        "eval": options.get("eval"), "steps": rounds + warmup + 2, "home": str(folder / "home"), "counts": True,
    }  # fmt: skip
    log = folder / "home" / "logs" / "benchmark.txt"
    steps: list[Stepped] = []
    with VersionProcess(our_version(), request, log=log, patience=_SECONDS_TO_ANSWER) as side:
        description = side.ready()
        side.tell_begin(None)
        side.begun()
        benchmark.pedantic(lambda: steps.append(side.step()), rounds=rounds, warmup_rounds=warmup, iterations=1)
        side.end()
    # Where benchmarks are disabled (under xdist) there is one step in all.
    benchmark.extra_info.update(_extra(description, steps[warmup:] or steps))


def _extra(description: Mapping[str, Any], steps: Sequence[Stepped]) -> dict[str, Any]:
    """What the rounds did, beside how long they took."""
    seconds = sum(step.wall for step in steps)
    counts = {"tokens": sum(step.tokens for step in steps), **_summed([step.counts for step in steps])}
    rates = ("tokens", "slots", "examples", "model_flops")
    return {
        "job": description["arm"],
        "device": description["device"],
        "cpu_seconds_median": statistics.median(step.cpu for step in steps if step.cpu is not None),
        "peak_bytes": max((step.memory for step in steps if step.memory is not None), default=None),
        **{
            name: description["facts"][name]
            for name in ("peak_tensor_bytes", "trainable_parameters")
            if name in description["facts"]
        },
        **counts,
        **{f"{name}_per_second": counts[name] / seconds for name in rates if counts.get(name) is not None},
    }


def _summed(counts: Sequence[Mapping[str, int | None]]) -> dict[str, Any]:
    """Over the rounds, by name; `None` where a round does not know."""
    return {
        name: None if None in (by_round := [round_counts[name] for round_counts in counts]) else sum(by_round)
        for name in counts[0]
    }
