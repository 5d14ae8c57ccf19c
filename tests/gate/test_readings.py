"""What decides a gate, by hand: readings, verdicts and exit codes from made-up comparisons, without a run."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pytest

from bench.errors import ExitCode
from bench.gate.process import Stepped
from bench.gate.quality import ClaimChange, QualityComparison, ScoreChange, _changes, _delta, _renumbered
from bench.gate.speed import (
    Clocked,
    Effort,
    Pair,
    SpeedComparison,
    Training,
    _clocks,
    _differences,
    _Log,
    compare_speed,
)
from bench.gate.versions import Version
from bench.perf.interleaved import Slowdown
from bench.report.analysis.scores.align import Aligned, Measurand
from bench.stats.sample import Scores

MEASURAND = Measurand(
    name="qa", eval="qa", kind="choice", role="primary", metrics={"qa": "acc"}, higher_is_better=True, binary=True,
    per_example=True, chance=None, limit=None,
)  # fmt: skip
ROWS = 200
EXAMPLES = tuple(("qa", str(number)) for number in range(ROWS))
ONES = np.ones(ROWS)


def scores(values: np.ndarray[Any, Any], **changes: Any) -> Scores:
    """One untrained subject's scores, right or wrong."""
    values = np.atleast_2d(values)
    plain: dict[str, Any] = {"present": np.ones_like(values, dtype=bool), "weights": np.ones(values.shape[1])}
    return Scores(values=values, **{**plain, "binary": True, "trained": False, **changes})


def aligned(values: np.ndarray[Any, Any], **changes: Any) -> Aligned:
    """One arm on one eval."""
    return Aligned(measurand=MEASURAND, examples=EXAMPLES, arms={"a": scores(values, **changes)})


def right(count: int) -> np.ndarray[Any, Any]:
    """The first `count` examples are right."""
    return (np.arange(ROWS) < count).astype(float)


def change(new: Aligned, old: Aligned, margin: float = 0.0) -> ScoreChange:
    """The one comparison of two runs with one arm."""
    (found,) = _changes({"qa": new}, {"qa": old}, margin, seed=0, replicates=500)
    return found


def test_a_change_is_this_run_minus_the_stored_one() -> None:
    found = change(aligned(right(120)), aligned(right(100)))
    assert (found.before, found.after, found.reading, found.why) == (0.5, 0.6, "better", None)
    assert found.delta is not None
    assert found.delta.estimate == pytest.approx(0.1)


def test_where_less_is_better_a_fall_is_a_gain() -> None:
    measurand = dataclasses.replace(MEASURAND, higher_is_better=False)
    low, high = (dataclasses.replace(aligned(right(count)), measurand=measurand) for count in (100, 120))
    assert (change(low, high).reading, change(high, low).reading) == ("better", "worse")


def test_a_small_change_shows_nothing_unless_a_margin_excludes_the_loss() -> None:
    fewer, more = aligned(right(100)), aligned(right(101))
    assert change(more, fewer).reading == "unresolved"
    assert change(fewer, more).reading == "unresolved"
    assert change(fewer, more, margin=0.2).reading == "no worse"
    assert change(aligned(right(100)), aligned(right(120)), margin=0.2).reading != "worse"
    assert change(fewer, fewer).reading == "no worse", "nothing changed, so nothing is unresolved"


def test_the_order_of_the_examples_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    order = rng.permutation(ROWS)
    clusters, weights = np.arange(ROWS) // 4, rng.uniform(1, 5, ROWS)
    old = aligned(right(100), clusters=clusters, weights=weights)
    new = aligned(right(120), clusters=clusters, weights=weights)
    moved = Aligned(
        measurand=MEASURAND,
        examples=tuple(EXAMPLES[index] for index in order),
        arms={"a": scores(right(120)[order], clusters=clusters[order], weights=weights[order])},
    )
    assert change(moved, old).delta == change(new, old).delta
    assert change(moved, moved).reading == "no worse"


def test_labels_are_numbered_as_they_are_first_met() -> None:
    assert _renumbered(np.asarray([7, 3, 7, 9, 3])).tolist() == [0, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"arms": {"b": scores(right(100))}}, "no such arm"),
        ({"measurand": dataclasses.replace(MEASURAND, metrics={"qa": "acc_norm"})}, "metrics differ"),
        ({"examples": EXAMPLES[:150], "arms": {"a": scores(right(100)[:150])}}, "200 stored, 150 in this run, 150 in"),
        (
            {"examples": (*EXAMPLES, ("qa", "new")), "arms": {"a": scores(np.append(right(100), 1.0))}},
            "200 stored, 201 in this run, 200 in both",
        ),
        ({"arms": {"a": scores(right(100), weights=2 * ONES)}}, "in another way"),
        ({"arms": {"a": scores(right(100), binary=False)}}, "in another way"),
        ({"arms": {"a": scores(right(100), bounds=(0.0, 1.0))}}, "in another way"),
        ({"arms": {"a": scores(0 * ONES, present=np.zeros((1, ROWS), dtype=bool))}}, "this run has no score"),
    ],
)
def test_what_cannot_be_compared_says_why(other: dict[str, Any], why: str) -> None:
    found = change(dataclasses.replace(aligned(right(100)), **other), aligned(right(100)))
    assert (found.reading, found.delta, found.before, found.after) == ("missing", None, None, None)
    assert found.why is not None
    assert why in found.why


def test_an_eval_that_is_gone_or_a_stored_run_without_scores_is_missing() -> None:
    old = aligned(right(100))
    assert _delta("a", None, old, seed=0, replicates=100) == (None, "this run has no such eval")
    empty = aligned(0 * ONES, present=np.zeros((1, ROWS), dtype=bool))
    assert "the stored run has no score" in (change(old, empty).why or "")


def test_diagnostics_and_corpus_metrics_are_left_out() -> None:
    for left_out in ({"role": "diagnostic"}, {"per_example": False}):
        old = dataclasses.replace(aligned(right(100)), measurand=dataclasses.replace(MEASURAND, **left_out))
        assert _changes({}, {"qa": old}, 0.0, seed=0, replicates=100) == ()


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [
        ("supported", "refuted", True), ("inconclusive", "refuted", True), (None, "refuted", True),
        ("refuted", "refuted", False), ("supported", "inconclusive", False), ("supported", "supported", False),
    ],
)  # fmt: skip
def test_a_claim_fails_where_it_is_refuted_now_alone(before: str | None, after: str, failed: bool) -> None:
    claim = ClaimChange(says="a >= b", on="qa", before=before, after=after)
    assert claim.failed is failed
    none_worse = QualityComparison(margin=0.0, changes=(), claims=(claim,), complete=True, differences=())
    assert none_worse.exit_code == (ExitCode.GATE_FAILED if failed else ExitCode.OK)


@pytest.mark.parametrize(
    ("readings", "complete", "code"),
    [
        (("no worse", "better", "unresolved"), True, ExitCode.OK),
        (("no worse", "worse"), True, ExitCode.GATE_FAILED),
        (("missing", "worse"), False, ExitCode.GATE_FAILED),
        (("no worse", "missing"), False, ExitCode.INCOMPLETE),
    ],
)
def test_one_arm_that_got_worse_fails_whatever_the_others_did(
    readings: tuple[Any, ...], complete: bool, code: ExitCode
) -> None:
    plain: dict[str, Any] = {"arm": "a", "eval": "qa", "before": None, "after": None, "delta": None, "why": None}
    changes = tuple(ScoreChange(reading=reading, **plain) for reading in readings)
    found = QualityComparison(margin=0.0, changes=changes, claims=(), complete=complete, differences=())
    assert found.exit_code == code


def clocked(clock: Literal["cpu", "wall"], low: float, high: float, threshold: float) -> Clocked:
    """One clock's interval."""
    found = Slowdown(ratio=(low * high) ** 0.5, low=low, high=high, block_ratios=(), pairs=8)
    return Clocked(clock=clock, threshold=threshold, slowdown=found)


@pytest.mark.parametrize(
    ("cpu", "wall", "verdict"),
    [
        ((0.99, 1.01), (0.99, 1.01), "within"),
        ((1.06, 1.08), (0.99, 1.01), "slower"),
        ((0.99, 1.01), (1.06, 1.08), "within"),
        ((0.99, 1.01), (1.11, 1.20), "slower"),
        ((0.80, 0.90), (0.99, 1.01), "faster"),
        ((1.00, 1.06), (0.80, 0.85), "unresolved"),
        ((0.80, 0.90), (1.11, 1.20), "slower"),
    ],
)
def test_either_clock_blocks_and_else_the_first_one_speaks(
    cpu: tuple[float, float], wall: tuple[float, float], verdict: str
) -> None:
    found = SpeedComparison(
        suite="s", arm="a", ours="o", theirs="t", device="cpu", differences=(), our_step_seconds=1.0,
        their_step_seconds=1.0, seconds=1.0, clocks=(clocked("cpu", *cpu, 0.05), clocked("wall", *wall, 0.1)),
    )  # fmt: skip
    assert found.verdict == verdict
    assert found.exit_code == (ExitCode.GATE_FAILED if verdict == "slower" else ExitCode.OK)


def test_ratios_are_ours_over_theirs_per_token_and_the_wall_clock_has_twice_the_threshold() -> None:
    log = _Log()
    for _ in range(3):
        log.open_block()
        log.add(Stepped(cpu=3.0, wall=8.0, tokens=10), Stepped(cpu=4.0, wall=10.0, tokens=20))
    cpu, wall = _clocks("cpu", log, 0.04)
    assert (cpu.clock, cpu.threshold, wall.clock, wall.threshold) == ("cpu", 0.04, "wall", 0.08)
    assert (cpu.slowdown.ratio, wall.slowdown.ratio) == pytest.approx((1.5, 1.6))
    assert cpu.slowdown.block_ratios == pytest.approx((1.5, 1.5, 1.5))
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
    """A made-up side that writes down what it is asked; the first two steps of a worker are slow."""

    def __init__(self, name: str, log: list[tuple[str, object]]) -> None:
        self.name, self.log, self.steps = name, log, 0
        self.version = Version(name=name, python=Path(name), tree=None)

    def tell_begin(self, core: int | None) -> None:
        self.steps = 0
        self.log.append((f"{self.name} begin", core))

    def begun(self) -> None:
        self.log.append((f"{self.name} begun", None))

    def step(self) -> Stepped:
        self.steps += 1
        self.log.append((f"{self.name} step", self.steps))
        seconds = 100.0 if self.steps <= 2 else {"ours": 3.0, "theirs": 2.0}[self.name]
        return Stepped(cpu=seconds, wall=2 * seconds, tokens=10)

    def end(self) -> None:
        self.log.append((f"{self.name} end", None))


def pair_of(log: list[tuple[str, object]], effort: Effort, device: str = "cpu") -> Pair:
    """Both sides, ready to step."""
    said = {"device": device, "arm": "first/arm", "facts": {}, "versions": {}}
    return Pair(
        training=Training(suite=Path("s.toml"), profile=None, overrides=(), arm=None),
        effort=effort,
        ours=cast(Any, Side("ours", log)),
        theirs=cast(Any, Side("theirs", log)),
        told=(said, said),
    )


def test_blocks_are_fresh_pairs_on_cores_in_turn_whose_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3, 4}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None, raising=False)
    log: list[tuple[str, object]] = []
    told: list[str] = []
    effort = Effort(blocks=4, warmup=2, pairs=8)
    found = compare_speed(pair_of(log, effort), tell=told.append)
    for side in ("ours", "theirs"):
        assert [core for what, core in log if what == f"{side} begin"] == [3, 4, 5, 3], "both workers on one core"
        assert [count for what, count in log if what == f"{side} step"] == [*range(1, 11)] * 4
        assert sum(what == f"{side} end" for what, _ in log) == 4
    assert found.clocks[0].slowdown.ratio == found.clocks[1].slowdown.ratio == pytest.approx(1.5)
    assert (found.our_step_seconds, found.their_step_seconds, found.clocks[0].slowdown.pairs) == (3.0, 2.0, 32)
    assert (told[0], told[-1]) == ("pair of processes 1 of 4", "pair of processes 4 of 4")
    order = [what.removesuffix(" step") for what, count in log if what.endswith("step") and cast(int, count) > 2]
    firsts = order[::2]
    assert all(order[at] != order[at + 1] for at in range(0, len(order), 2)), "a pair is one step of each"
    assert {"ours", "theirs"} == set(firsts), "either goes first at times"


def test_workers_on_a_device_are_pinned_to_no_core_and_its_wall_clock_is_shown() -> None:
    log: list[tuple[str, object]] = []
    found = compare_speed(pair_of(log, Effort(blocks=2, warmup=2, pairs=6), device="cuda: x"))
    assert {core for what, core in log if what.endswith("begin")} == {None}
    assert (found.our_step_seconds, found.their_step_seconds) == (6.0, 4.0)


def test_a_worker_has_a_step_more_than_it_is_asked_for() -> None:
    """The first is no one's, then those to warm up, those that count, and one so that the last is no training's end."""
    assert Effort(warmup=3, pairs=24).steps == 29
    assert (Effort(warmup=4, pairs=24).steps, Effort(warmup=3, pairs=25).steps) == (30, 30)
