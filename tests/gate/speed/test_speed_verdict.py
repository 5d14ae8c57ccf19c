"""What decides the speed gate, by hand: verdicts of made-up intervals, and made-up sides that are stepped in turn."""

import contextlib
import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest

from bench.errors import ExitCode
from bench.gate.speed import speed_gate as speed
from bench.gate.speed.learning import LearningCheck, learning_answer, learning_checks
from bench.gate.speed.speed_gate import Clocked, SpeedComparison, Training, _clocks, _differences, compare_speed
from bench.gate.speed.stepping import Effort, Pair, Stepped, SteppedBlock
from bench.perf.interleaved import Slowdown


def clocked(clock: Literal["cpu", "wall"], low: float, high: float, threshold: float) -> Clocked:
    """One clock's interval."""
    found = Slowdown(ratio=(low * high) ** 0.5, low=low, high=high, block_ratios=(), pairs=8)
    return Clocked(clock=clock, threshold=threshold, slowdown=found)


@pytest.mark.parametrize(
    ("cpu", "wall", "verdict", "answer"),
    [
        ((0.99, 1.01), (0.99, 1.01), "within", "go"),
        ((1.06, 1.08), (0.99, 1.01), "slower", "no-go"),
        ((0.99, 1.01), (1.06, 1.08), "within", "go"),
        ((0.99, 1.01), (1.11, 1.20), "slower", "no-go"),
        ((0.80, 0.90), (0.99, 1.01), "faster", "go"),
        ((1.00, 1.06), (0.80, 0.85), "unresolved", "inconclusive"),
        ((0.80, 0.90), (1.11, 1.20), "slower", "no-go"),
    ],
)
def test_either_clock_blocks_and_else_the_first_one_speaks(
    cpu: tuple[float, float], wall: tuple[float, float], verdict: str, answer: str
) -> None:
    found = SpeedComparison(
        suite="s", arm="a", ours="o", theirs="t", device="cpu", differences=(), our_step_seconds=1.0,
        their_step_seconds=1.0, seconds=1.0, clocks=(clocked("cpu", *cpu, 0.05), clocked("wall", *wall, 0.1)),
        learning=(learned(0.0, 0.0),), fail_on="no-go",
    )  # fmt: skip
    assert (found.verdict, found.answer) == (verdict, answer)
    assert found.exit_code == (ExitCode.GATE_FAILED if verdict == "slower" else ExitCode.OK)
    strict = dataclasses.replace(found, fail_on="unresolved")
    assert strict.exit_code == (ExitCode.OK if answer == "go" else ExitCode.GATE_FAILED)


def learned(low: float, high: float, quantity: Literal["loss", "first gradient"] = "loss") -> LearningCheck:
    """A difference of two versions with a band of 0.1."""
    return LearningCheck(
        quantity=quantity, ours=5.0, theirs=5.0, difference=0.5 * (low + high), low=low, high=high, band=0.1, seeds=6
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict", "answer"),
    [
        (-0.1, 0.1, "same", "go"), (0.11, 0.3, "different", "no-go"), (-0.3, -0.11, "different", "no-go"),
        (0.05, 0.2, "unresolved", "inconclusive"), (-0.2, 0.2, "unresolved", "inconclusive"),
    ],
)  # fmt: skip
def test_learning_is_the_same_only_where_the_whole_interval_is_in_the_band(
    low: float, high: float, verdict: str, answer: str
) -> None:
    assert learned(low, high).verdict == verdict
    assert learning_answer([learned(low, high)]) == answer
    assert learning_answer([learned(0, 0), learned(low, high, "first gradient")]) == answer
    assert learning_answer([learned(0, 0, "first gradient")]) == "inconclusive", "a loss is needed"


def test_losses_are_paired_by_seed_and_the_band_is_a_share_of_the_others_loss() -> None:
    """Seeds far apart: the paired difference is exact, and the band is no wider for them."""
    blocks = [
        SteppedBlock(
            ours=[Stepped(cpu=1, wall=1, tokens=9, loss=9.0), Stepped(cpu=1, wall=1, tokens=9, loss=level + 0.1)],
            theirs=[Stepped(cpu=1, wall=1, tokens=9, loss=9.0), Stepped(cpu=1, wall=1, tokens=9, loss=level)],
            first_gradients=(2.2, 2.0),
        )
        for level in (3.0, 4.0, 5.0)
    ]
    loss, gradient = learning_checks(blocks)
    assert (loss.ours, loss.theirs, loss.seeds) == (pytest.approx(4.1), pytest.approx(4.0), 3)
    assert (loss.difference, loss.low, loss.high) == pytest.approx((0.1, 0.1, 0.1))
    assert (loss.band, loss.verdict) == (pytest.approx(0.08), "different")
    assert gradient.difference == pytest.approx(0.09531, abs=1e-5)
    assert (gradient.band, gradient.verdict) == (pytest.approx(0.0198, abs=1e-4), "different")
    blocks[0].ours[-1] = Stepped(cpu=1, wall=1, tokens=9)
    assert [check.quantity for check in learning_checks(blocks)] == ["first gradient"]


def test_ratios_are_ours_over_theirs_per_token_and_the_wall_clock_has_twice_the_threshold() -> None:
    ours, theirs = Stepped(cpu=3.0, wall=8.0, tokens=10), Stepped(cpu=4.0, wall=10.0, tokens=20)
    log = [SteppedBlock(ours=[ours], theirs=[theirs]) for _ in range(3)]
    cpu, wall = _clocks("cpu", log, 0.04)
    assert (cpu.clock, cpu.threshold, wall.clock, wall.threshold) == ("cpu", 0.04, "wall", 0.08)
    assert (cpu.slowdown.ratio, wall.slowdown.ratio) == pytest.approx((1.5, 1.6))
    assert cpu.slowdown.block_ratios == pytest.approx((1.5, 1.5, 1.5))
    unknown = [SteppedBlock(ours=[dataclasses.replace(ours, cpu=None)], theirs=[theirs])] * 3
    assert [clock.clock for clock in _clocks("cpu", unknown, 0.04)] == ["wall"]
    (alone,) = _clocks("cuda: x", log, 0.04)
    assert (alone.clock, alone.threshold, alone.slowdown.ratio) == ("wall", 0.04, pytest.approx(1.6))


def test_differences_name_what_either_side_alone_has() -> None:
    ours = {"facts": {"steps": 1000, "tokens": 7}, "versions": {"peft": "1"}}
    theirs = {"facts": {"rows": 5, "tokens": 7}, "versions": {"peft": "1", "trl": "2"}}
    assert _differences(ours, theirs) == (
        "counts: rows 5 → none",
        "counts: steps none → 1,000",
        "libraries: trl 2 → none",
    )


class Side:
    """A made-up side that writes down what it is asked; the first two steps of a worker are slow, and one later."""

    def __init__(self, name: str, log: list[tuple[str, object]]) -> None:
        self.name, self.log, self.steps = name, log, 0

    def tell_begin(self, core: int | None, replicate: int) -> None:
        self.steps = 0
        self.log.append((f"{self.name} begin", core))
        self.log.append((f"{self.name} seed", replicate))

    def begun(self) -> float | None:
        self.log.append((f"{self.name} begun", None))
        return None

    def step(self) -> Stepped:
        self.steps += 1
        self.log.append((f"{self.name} step", self.steps))
        seconds = {1: 100.0, 2: 100.0, 5: 30.0}.get(self.steps, {"ours": 3.0, "theirs": 2.0}[self.name])
        return Stepped(cpu=seconds, wall=2 * seconds, tokens=10)

    def end(self) -> None:
        self.log.append((f"{self.name} end", None))


def pair_of(log: list[tuple[str, object]], effort: Effort, *devices: str) -> Pair:
    """Both sides, ready to step, on these devices."""
    ours, theirs = (
        {"device": device, "arm": f"{side}/arm", "facts": {}, "versions": {}, "replicates": True}
        for side, device in zip(("ours", "theirs"), devices, strict=True)
    )
    return Pair(
        title="s",
        effort=effort,
        names=("ours", "theirs"),
        ours=Side("ours", log),
        theirs=Side("theirs", log),
        descriptions=(ours, theirs),
    )


def test_a_version_that_does_not_say_so_trains_no_other_seed_in_each_block() -> None:
    """Earlier versions knew one seed: the block's number would be another training beside theirs."""
    pair = pair_of([], Effort(), "cpu", "cpu")
    assert pair.replicates
    ours, theirs = pair.descriptions
    earlier = {key: value for key, value in theirs.items() if key != "replicates"}
    assert not dataclasses.replace(pair, descriptions=(ours, earlier)).replicates


def test_blocks_are_fresh_pairs_on_cores_in_turn_whose_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3, 4}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    log: list[tuple[str, object]] = []
    told: list[str] = []
    effort = Effort(blocks=4, warmup=2, pairs=8)
    found = compare_speed(pair_of(log, effort, "cpu", "cpu"), tell=told.append)
    for side in ("ours", "theirs"):
        assert [core for what, core in log if what == f"{side} begin"] == [3, 4, 5, 3], "both workers on one core"
        assert [count for what, count in log if what == f"{side} step"] == [*range(1, 11)] * 4
        assert sum(what == f"{side} end" for what, _ in log) == 4
    assert found.clocks[0].slowdown.ratio == found.clocks[1].slowdown.ratio == pytest.approx(1.5)
    assert (found.our_step_seconds, found.their_step_seconds, found.clocks[0].slowdown.pairs) == (3.0, 2.0, 32)
    assert (told[0], told[-1]) == ("pair of processes 1 of 4", "pair of processes 4 of 4")
    order = [what.removesuffix(" step") for what, count in log if what.endswith("step") and cast(int, count) > 2]
    assert "".join(name[0] for name in order[:16]) == "ottoottoottootto", "a linear drift falls on both alike"
    assert "".join(name[0] for name in order[16:24]) == "toottoot", "and who begins alternates with the blocks"
    assert [seed for what, seed in log if what == "ours seed"] == [0, 1, 2, 3]


@pytest.mark.parametrize("other", ["cuda: x", "cpu"])
def test_workers_on_a_device_are_pinned_to_no_core_and_its_wall_clock_is_shown(other: str) -> None:
    log: list[tuple[str, object]] = []
    found = compare_speed(pair_of(log, Effort(blocks=2, warmup=2, pairs=6), "cuda: x", other))
    assert {core for what, core in log if what.endswith("begin")} == {None}
    assert (found.our_step_seconds, found.their_step_seconds) == (6.0, 4.0)
    assert (found.arm, found.device, len(found.clocks)) == ("ours/arm", "cuda: x", 1)


def test_a_worker_has_a_step_more_than_it_is_asked_for() -> None:
    """The first is no one's, then those to warm up, those that count, and one so that the last is no training's end."""
    assert Effort(warmup=3, pairs=24).steps == 29
    assert (Effort(warmup=4, pairs=24).steps, Effort(warmup=3, pairs=25).steps) == (30, 30)


@pytest.mark.parametrize(("arms", "asked"), [((), [None]), (("a/x", "b/y"), ["a/x", "b/y"])])
def test_each_arm_that_is_named_is_compared_and_else_the_first(
    monkeypatch: pytest.MonkeyPatch, arms: tuple[str, ...], asked: list[str | None]
) -> None:
    loaded = SimpleNamespace(path=Path("s.toml"), profile="p", overrides=("x=1",), trust_remote_code=True)
    monkeypatch.setattr(speed, "loaded_pair", lambda training, **_: contextlib.nullcontext(training))
    monkeypatch.setattr(speed, "compare_speed", lambda pair, *, tell, **_: tell("stepping") or pair)
    told: list[str] = []
    found = speed.compare_arms(
        cast(Any, loaded), arms, ours=cast(Any, None), theirs=cast(Any, None), home=Path("h"), tell=told.append
    )
    assert found == tuple(
        Training(suite=Path("s.toml"), profile="p", overrides=("x=1",), arm=arm, trust_remote_code=True)
        for arm in asked
    )
    titles = arms or ("the first arm",)
    assert told == [f"{title}: {what}" for title in titles for what in ("loading both versions", "stepping")]
