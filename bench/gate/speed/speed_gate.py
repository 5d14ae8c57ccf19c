"""`bench gate speed`: two versions of the program, or of a user's training, step the same work in turn.

Each block is a fresh pair of workers with a seed of its own, both on one core, which the blocks take in rotation.
Blocking on a processor is the ratio of processor time, which other processes cannot stretch; the wall-clock ratio has a
wider threshold, for what waits instead of working. On a GPU the wall clock decides, with the device's work waited for.
A version that is fast enough must also learn the same (`bench.gate.speed.learning`).
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import ExitCode
from bench.gate.answer import FailOn, GateAnswer, exit_code, joint
from bench.gate.speed.learning import LearningCheck, learning_answer, learning_checks
from bench.gate.speed.stepping import ClockName, Effort, Pair, SteppedBlock, step_in_turn
from bench.gate.speed.user_command import command_pair
from bench.gate.speed.version_process import VersionProcess
from bench.gate.speed.versions import Version
from bench.perf.interleaved import Slowdown, Verdict, slowdown
from bench.suite.load import LoadedSuite

THRESHOLD = 0.05
WALL_OVER_THRESHOLD = 2.0
"""How much wider the threshold of the wall clock is, where processor time decides."""
_ANSWERS: dict[Verdict, GateAnswer] = {"slower": "no-go", "faster": "go", "within": "go", "unresolved": "inconclusive"}


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
    """Findings of `bench gate speed` on one arm, or on one command."""

    suite: str
    arm: str
    ours: str
    theirs: str
    device: str
    clocks: tuple[Clocked, ...]
    """What decides, the narrowest threshold first."""
    learning: tuple[LearningCheck, ...]
    """Whether both learn the same; without what a version does not report."""
    differences: tuple[str, ...]
    """What the two versions count differently, and the libraries that differ."""
    our_step_seconds: float
    """Median, on the first clock."""
    their_step_seconds: float
    seconds: float
    """Seconds of stepping, without the loading of both versions."""
    fail_on: FailOn

    @property
    def verdict(self) -> Verdict:
        """`slower` by any clock; else what the first says."""
        return "slower" if any(clock.verdict == "slower" for clock in self.clocks) else self.clocks[0].verdict

    @property
    def answer(self) -> GateAnswer:
        """`go` where it is fast enough and learns the same."""
        return joint([_ANSWERS[self.verdict], learning_answer(self.learning)])

    @property
    def exit_code(self) -> ExitCode:
        """1 if ours is slower than accepted or learns something else."""
        return exit_code(self.answer, self.fail_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is stepped: one arm of a suite, with a seed for each block."""

    suite: Path
    profile: str | None
    overrides: tuple[str, ...]
    arm: str | None
    """`None`: the first that trains."""
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRules:
    """What is accepted of a version, and how long both are stepped to find out."""

    threshold: float = THRESHOLD
    """Slow-down that is not accepted, as a share."""
    fail_on: FailOn = "no-go"
    effort: Effort = field(default_factory=Effort)


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
                VersionProcess(
                    version, request, log=home / "logs" / f"gate-{name}.txt", patience=effort.seconds_to_answer
                )
            )
            for name, version in (("ours", ours), ("theirs", theirs))
        )
        with ThreadPoolExecutor(2) as pool:
            our_words, their_words = pool.map(VersionProcess.ready, (our_side, their_side))
        yield Pair(
            title=training.suite.stem,
            effort=effort,
            names=(ours.name, theirs.name),
            ours=our_side,
            theirs=their_side,
            descriptions=(our_words, their_words),
        )


def compare_speed(
    pair: Pair,
    *,
    threshold: float = THRESHOLD,
    fail_on: FailOn = "no-go",
    tell: Callable[[str], None] = lambda text: None,
) -> SpeedComparison:
    """Step both versions in turn. Raises `InputError` if either fails.

    `threshold`: the slow-down that is not accepted, as a share. `tell` hears what is being done.
    """
    began = time.monotonic()
    blocks = step_in_turn(pair, tell)
    device = pair.descriptions[0]["device"]
    clocks = _clocks(device, blocks, threshold)
    decisive = clocks[0].clock
    return SpeedComparison(
        suite=pair.title,
        arm=pair.descriptions[0]["arm"],
        ours=pair.names[0],
        theirs=pair.names[1],
        device=device,
        clocks=clocks,
        learning=learning_checks(blocks),
        differences=_differences(*pair.descriptions),
        our_step_seconds=statistics.median(getattr(step, decisive) for block in blocks for step in block.ours),
        their_step_seconds=statistics.median(getattr(step, decisive) for block in blocks for step in block.theirs),
        seconds=time.monotonic() - began,
        fail_on=fail_on,
    )


def compare_arms(
    loaded: LoadedSuite,
    arms: Sequence[str],
    *,
    ours: Version,
    theirs: Version,
    home: Path,
    rules: SpeedRules | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[SpeedComparison, ...]:
    """Both versions on each of `arms`, one after the other; on the suite's first if none is named."""
    rules = rules or SpeedRules()
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
        with loaded_pair(training, ours=ours, theirs=theirs, home=home, effort=rules.effort) as pair:
            comparisons.append(
                compare_speed(pair, threshold=rules.threshold, fail_on=rules.fail_on, tell=_prefixed(tell, title))
            )
    return tuple(comparisons)


def compare_command(
    command: str,
    checkout: Path,
    name: str,
    *,
    home: Path,
    rules: SpeedRules | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> SpeedComparison:
    """A training command in this folder against the same command in another checkout, of this `name`."""
    rules = rules or SpeedRules()
    names = ("this folder", name)
    with command_pair(command, ours=Path.cwd(), theirs=checkout, names=names, home=home, effort=rules.effort) as pair:
        return compare_speed(pair, threshold=rules.threshold, fail_on=rules.fail_on, tell=tell)


def _prefixed(tell: Callable[[str], None], title: str) -> Callable[[str], None]:
    return lambda text: tell(f"{title}: {text}")


def _clocks(device: str, blocks: Sequence[SteppedBlock], threshold: float) -> tuple[Clocked, ...]:
    wall = slowdown([block.log_ratios("wall") for block in blocks])
    cpu = [block.log_ratios("cpu") for block in blocks]
    if device != "cpu" or not all(cpu):
        return (Clocked(clock="wall", threshold=threshold, slowdown=wall),)
    return (
        Clocked(clock="cpu", threshold=threshold, slowdown=slowdown(cpu)),
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
