"""`bench gate speed`: two versions of the program step the same arm of the same suite in turn.

Each block is a fresh pair of workers, both on one core, which the blocks take in rotation. A pair is one step of each,
on the same batch, in seeded random order. Blocking on a processor is the ratio of processor time, which other processes
cannot stretch; the wall-clock ratio has a wider threshold, for what waits instead of working. On a GPU the wall clock
decides, with the device's work waited for.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.errors import ExitCode
from bench.gate.process import Stepped, VersionSide
from bench.gate.versions import Version
from bench.perf.interleaved import Slowdown, Verdict, log_ratio, slowdown
from bench.suite.load import LoadedSuite

THRESHOLD = 0.05
WALL_OVER_THRESHOLD = 2.0
"""How much wider the threshold of the wall clock is, where processor time decides."""
ClockName = Literal["cpu", "wall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    blocks: int = 6
    """Fresh pairs of processes."""
    warmup: int = 3
    """Steps of each worker that are not looked at."""
    pairs: int = 24
    """Per block, at most."""
    fewest_pairs: int = 6
    """Per block, however long they take."""
    seconds: float = 60.0
    """Seconds of stepping, divided among the blocks: a block whose share is spent ends with the pairs that it has."""
    seconds_to_answer: float = 600.0
    """How long a side may take for anything, loading its libraries included."""

    @property
    def steps(self) -> int:
        """Steps that each worker needs: the first, which no one asks for, those to warm up, those that count."""
        return 1 + self.warmup + self.pairs + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocked:
    """The comparison by one clock."""

    clock: ClockName
    threshold: float
    slowdown: Slowdown

    @property
    def verdict(self) -> Verdict:
        """Against this clock's threshold."""
        return self.slowdown.verdict(self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedComparison:
    """What `bench gate speed` found."""

    suite: str
    arm: str
    ours: str
    theirs: str
    device: str
    clocks: tuple[Clocked, ...]
    """What decides, the narrowest threshold first."""
    differences: tuple[str, ...]
    """What the two versions count differently, and the libraries that differ."""
    our_step_seconds: float
    """Median, on the first clock."""
    their_step_seconds: float
    seconds: float
    """Seconds of stepping, without the loading of both versions."""

    @property
    def verdict(self) -> Verdict:
        """`slower` by any clock; else what the first says."""
        return "slower" if any(clock.verdict == "slower" for clock in self.clocks) else self.clocks[0].verdict

    @property
    def exit_code(self) -> ExitCode:
        """1 if ours is slower than accepted."""
        return ExitCode.GATE_FAILED if self.verdict == "slower" else ExitCode.OK


@dataclass(slots=True)
class _Log:
    """Ratios per token by clock and block, and seconds per step."""

    ratios: dict[ClockName, list[list[float]]] = field(default_factory=lambda: {"cpu": [], "wall": []})
    ours: list[Stepped] = field(default_factory=list)
    theirs: list[Stepped] = field(default_factory=list)

    def open_block(self) -> None:
        for blocks in self.ratios.values():
            blocks.append([])

    def add(self, ours: Stepped, theirs: Stepped) -> None:
        self.ours.append(ours)
        self.theirs.append(theirs)
        self.ratios["wall"][-1].append(log_ratio(ours.wall / ours.tokens, theirs.wall / theirs.tokens))
        self.ratios["cpu"][-1].append(log_ratio(ours.cpu / ours.tokens, theirs.cpu / theirs.tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is stepped: one arm of a suite, with its first seed."""

    suite: Path
    profile: str | None
    overrides: tuple[str, ...]
    arm: str | None
    """`None`: the first that trains."""
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both versions, loaded and ready to step."""

    training: Training
    effort: Effort
    ours: VersionSide
    theirs: VersionSide
    descriptions: tuple[dict[str, Any], dict[str, Any]]
    """What each said of itself."""

    @property
    def cores(self) -> list[int | None]:
        """To pin the workers to in turn; on a GPU, or where the system cannot, to none."""
        if hasattr(os, "sched_setaffinity") and all(answer["device"] == "cpu" for answer in self.descriptions):
            return [*sorted(os.sched_getaffinity(0))]
        return [None]


@contextlib.contextmanager
def loaded_pair(
    training: Training, *, ours: Version, theirs: Version, home: Path, effort: Effort | None = None
) -> Iterator[Pair]:
    """Start both versions side by side and wait until they are loaded. Raises `InputError` if either cannot."""
    effort = effort or Effort()
    request = {
        "suite": str(training.suite), "profile": training.profile, "overrides": list(training.overrides),
        "arm": training.arm, "eval": None, "steps": effort.steps, "home": str(home),
        "trust_remote_code": training.trust_remote_code,
    }  # fmt: skip
    with contextlib.ExitStack() as stack:
        our_side, their_side = (
            stack.enter_context(
                VersionSide(version, request, log=home / "logs" / f"gate-{name}.txt", patience=effort.seconds_to_answer)
            )
            for name, version in (("ours", ours), ("theirs", theirs))
        )
        with ThreadPoolExecutor(2) as pool:
            our_words, their_words = pool.map(VersionSide.ready, (our_side, their_side))
        yield Pair(
            training=training, effort=effort, ours=our_side, theirs=their_side, descriptions=(our_words, their_words)
        )


def compare_speed(
    pair: Pair, *, threshold: float = THRESHOLD, seed: int = 0, tell: Callable[[str], None] = lambda text: None
) -> SpeedComparison:
    """Step both versions in turn. Raises `InputError` if either fails.

    `threshold`: the slow-down that is not accepted, as a share. `tell` hears what is being done.
    """
    began = time.monotonic()
    log = _Log()
    draw = random.Random(seed)  # noqa: S311  # order of steps, no secret
    for block in range(pair.effort.blocks):
        tell(f"pair of processes {block + 1} of {pair.effort.blocks}")
        _block(pair, log, draw, pair.cores[block % len(pair.cores)])
    device = pair.descriptions[0]["device"]
    clocks = _clocks(device, log, threshold)
    decisive = clocks[0].clock
    return SpeedComparison(
        suite=pair.training.suite.stem,
        arm=pair.descriptions[0]["arm"],
        ours=pair.ours.version.name,
        theirs=pair.theirs.version.name,
        device=device,
        clocks=clocks,
        differences=_differences(*pair.descriptions),
        our_step_seconds=statistics.median(getattr(step, decisive) for step in log.ours),
        their_step_seconds=statistics.median(getattr(step, decisive) for step in log.theirs),
        seconds=time.monotonic() - began,
    )


def compare_arms(
    loaded: LoadedSuite,
    arms: Sequence[str],
    *,
    ours: Version,
    theirs: Version,
    home: Path,
    threshold: float = THRESHOLD,
    effort: Effort | None = None,
    seed: int = 0,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[SpeedComparison, ...]:
    """Both versions on each of `arms`, one after the other; on the suite's first if none is named."""
    comparisons = []
    for arm in arms or (None,):
        title = arm or "the first arm"
        tell(f"{title}: loading both versions")
        training = Training(
            suite=loaded.path,
            profile=loaded.profile,
            overrides=loaded.overrides,
            arm=arm,
            trust_remote_code=loaded.trust_remote_code,
        )
        with loaded_pair(training, ours=ours, theirs=theirs, home=home, effort=effort) as pair:
            comparisons.append(compare_speed(pair, threshold=threshold, seed=seed, tell=_prefixed(tell, title)))
    return tuple(comparisons)


def _prefixed(tell: Callable[[str], None], title: str) -> Callable[[str], None]:
    return lambda text: tell(f"{title}: {text}")


def _block(pair: Pair, log: _Log, draw: random.Random, core: int | None) -> None:
    """One fresh pair of workers, from fork to end."""
    ours, theirs, effort = pair.ours, pair.theirs, pair.effort
    for side in (ours, theirs):
        side.tell_begin(core)
    for side in (ours, theirs):
        side.begun()
    for side in (ours, theirs):
        for _ in range(effort.warmup):
            side.step()
    log.open_block()
    end = time.monotonic() + effort.seconds / effort.blocks
    for number in range(effort.pairs):
        if number >= effort.fewest_pairs and time.monotonic() > end:
            break
        if draw.random() < 0.5:
            our_step, their_step = ours.step(), theirs.step()
        else:
            their_step, our_step = theirs.step(), ours.step()
        log.add(our_step, their_step)
    for side in (ours, theirs):
        side.end()


def _clocks(device: str, log: _Log, threshold: float) -> tuple[Clocked, ...]:
    wall = slowdown(log.ratios["wall"])
    if device != "cpu":
        return (Clocked(clock="wall", threshold=threshold, slowdown=wall),)
    return (
        Clocked(clock="cpu", threshold=threshold, slowdown=slowdown(log.ratios["cpu"])),
        Clocked(clock="wall", threshold=WALL_OVER_THRESHOLD * threshold, slowdown=wall),
    )


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    lines = []
    for title, key in (("counts", "facts"), ("libraries", "versions")):
        for name in sorted({*ours[key], *theirs[key]}):
            our_value, their_value = ours[key].get(name), theirs[key].get(name)
            if our_value != their_value:
                lines.append(f"{title}: {name} {_said(their_value)} → {_said(our_value)}")
    return tuple(lines)


def _said(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
