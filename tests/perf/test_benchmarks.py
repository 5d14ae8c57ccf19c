"""The flagship's speed under pytest-benchmark: `pytest tests/perf --benchmark-autosave`, then `--benchmark-compare`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.gate.pytest_plugin import StepBenchmark
from bench.gate.speed import versions
from tests.fakes import forked_python

SUITE = Path("suites") / "lima_vs_alpaca.toml"
RATES = ("tokens", "slots", "model_flops")
FEW_ROWS = ('data.alpaca_52k.source="micro:curated"',)
"""Selecting among 52,000 rows takes longer than all steps."""


def test_training_step(benchmark_training: StepBenchmark, benchmark: Any, root: Path) -> None:
    benchmark_training(root / SUITE, arm="lima_1k/lora", profile="micro", overrides=FEW_ROWS, rounds=8)
    info = benchmark.extra_info
    assert info["job"] == "lima_1k/lora"
    assert info["slots"] >= info["tokens"] > info["supervised_tokens"] > 0
    assert info["hardware_flops"] >= info["model_flops"] > 2 * info["trainable_parameters"] * info["tokens"]
    assert info["peak_bytes"] > 2**26
    assert_one_clock(info)


def test_evaluation_batch(
    benchmark_evaluation: StepBenchmark, benchmark: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is a fork; that of the training step is a fresh interpreter, as at a user's."""
    forked_python.write(tmp_path / "python", root)
    ours = replace(versions.our_version(), python=tmp_path / "python")
    monkeypatch.setattr(versions, "our_version", lambda: ours)
    benchmark_evaluation(root / SUITE, eval="heldout", profile="micro", overrides=FEW_ROWS, rounds=8)
    info = benchmark.extra_info
    assert info["job"] == "eval:heldout:base"
    assert info["slots"] >= info["tokens"] > info["examples"] > 0
    assert info["peak_bytes"] > 2**26
    assert_one_clock(info, "examples")


def assert_one_clock(info: dict[str, Any], *more: str) -> None:
    """Every rate is over the same seconds, those of the timed rounds."""
    seconds = info["tokens"] / info["tokens_per_second"]
    for name in (*RATES, *more):
        assert info[f"{name}_per_second"] == pytest.approx(info[name] / seconds)
