"""The flagship's speed under pytest-benchmark: `pytest tests/perf --benchmark-autosave`, then `--benchmark-compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.gate.pytest_plugin import StepBenchmark

SUITE = Path("suites") / "lima_vs_alpaca.toml"


def test_training_step(benchmark_training: StepBenchmark, benchmark: Any, root: Path) -> None:
    benchmark_training(root / SUITE, arm="lima_1k/lora", profile="micro", rounds=8)
    info = benchmark.extra_info
    assert info["job"] == "lima_1k/lora"
    assert info["tokens"] > 0
    assert info["tokens_per_second"] > 0
    assert info["planned_model_flops"] > info["planned_tokens"]
    assert info["planned_slots"] >= info["planned_tokens"]
    assert info["peak_bytes"] > 2**26


def test_evaluation_batch(benchmark_evaluation: StepBenchmark, benchmark: Any, root: Path) -> None:
    benchmark_evaluation(root / SUITE, eval="heldout", profile="micro", rounds=8)
    info = benchmark.extra_info
    assert info["job"] == "eval:heldout:base"
    assert info["examples"] > 0
    assert info["examples_per_second"] > 0
