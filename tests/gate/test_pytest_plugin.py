"""The benchmark fixtures' extra info, by hand: warm-up among the tokens of the rounds would make every rate a lie."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.gate import pytest_plugin
from bench.gate.speed import version_process as process
from bench.gate.speed.stepping import Stepped

ROUNDS, WARMUP = 2, 3
STEPS = [  # three to warm up, two that count
    *(Stepped(cpu=9, wall=9, tokens=999, memory=70, counts={"slots": 9_999, "model_flops": 1}) for _ in range(WARMUP)),
    Stepped(cpu=1.0, wall=2.0, tokens=30, memory=80, counts={"slots": 40, "model_flops": 600}),
    Stepped(cpu=2.0, wall=3.0, tokens=20, memory=90, counts={"slots": 25, "model_flops": 400}),
]


class FakeSide:
    """Answers with steps made up beforehand."""

    steps: list[Stepped] = STEPS

    def __init__(self, version: Any, request: Any, **_: Any) -> None:
        assert request["counts"] is True
        self._left = list(self.steps)

    def __enter__(self) -> "FakeSide":
        return self

    def __exit__(self, *_: object) -> None: ...

    def ready(self) -> dict[str, Any]:
        return {"arm": "a/lora", "device": "cpu", "facts": {"trainable_parameters": 7, "slots": 10_000}}

    def tell_begin(self, core: int | None) -> None: ...

    def begun(self) -> None: ...

    def step(self) -> Stepped:
        return self._left.pop(0)

    def end(self) -> None: ...


class FakeBenchmark:
    """As pytest-benchmark's fixture; once where it is disabled."""

    def __init__(self, *, disabled: bool = False) -> None:
        self.disabled, self.extra_info = disabled, dict[str, Any]()

    def pedantic(self, target: Callable[[], Any], *, rounds: int, warmup_rounds: int, iterations: int) -> None:
        for _ in range(1 if self.disabled else (rounds + warmup_rounds) * iterations):
            target()


def info_of(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **benchmark: bool) -> dict[str, Any]:
    monkeypatch.setattr(process, "VersionProcess", FakeSide)
    fake = FakeBenchmark(**benchmark)
    suite = root / "suites" / "lima_vs_alpaca.toml"
    pytest_plugin._run(fake, suite, folder, {"rounds": ROUNDS, "warmup": WARMUP})
    return fake.extra_info


def test_the_timed_rounds_are_summed_and_the_warm_up_is_not(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert info_of(root, tmp_path, monkeypatch) == {
        "job": "a/lora", "device": "cpu", "trainable_parameters": 7, "cpu_seconds_median": 1.5, "peak_bytes": 90,
        "tokens": 50, "slots": 65, "model_flops": 1_000,
        "tokens_per_second": 10.0, "slots_per_second": 13.0, "model_flops_per_second": 200.0,
    }  # fmt: skip


def test_what_one_round_does_not_know_the_sum_does_not(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Stepped(cpu=1, wall=1, tokens=1, counts={"slots": 1, "model_flops": None})
    monkeypatch.setattr(FakeSide, "steps", [*STEPS[:-1], unknown])
    info = info_of(root, tmp_path, monkeypatch)
    assert info["model_flops"] is None
    assert "model_flops_per_second" not in info
    assert info["slots"] == 41


def test_a_disabled_benchmark_tells_of_its_only_step(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert info_of(root, tmp_path, monkeypatch, disabled=True)["tokens"] == 999
