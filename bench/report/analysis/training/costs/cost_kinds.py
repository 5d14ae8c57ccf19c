"""What each training cost, seed by seed: the figures that claims on costs and the frontier are decided from.

Contract: pure; a figure that says nothing of the arm alone (seconds beside other jobs) is `None`, never a guess.
`COSTS` is the list of all costs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np

from bench.record.record import Record, TrainingRecord
from bench.record.results.training.ledger import Ledger
from bench.record.results.training.result import TrainResult
from bench.report.analysis.run_facts.own_speed import compared_machine, own_speed, undisturbed, unlike_machine
from bench.report.analysis.run_facts.subjects import trainings_of
from bench.stats.conclusions.frontier import Amount
from bench.stats.curves.curve import StudentCurve, interval
from bench.stats.estimates.delta import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class CostKind:
    """counted: a count, which no second run of the same training would change. absent: why a figure can be missing.
    timed: the figure counts only where nothing ran beside the training, on machines of one kind. to_target: what it
    took until the suite's target, where it was reached."""

    name: str
    title: str
    counted: bool = False
    figure: Callable[[Ledger], float | None] = field(repr=False)
    absent: str
    timed: bool = False
    to_target: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens and seconds (forward, backward and optimiser) of a training up to a step; `None` without a step."""

    tokens: int | None = None
    seconds: float | None = None


def spent_until(result: TrainResult, step: int | None) -> Spent:
    """What the training took up to and with `step`."""
    if step is None:
        return Spent()
    done = [counted for counted in result.steps if counted.step <= step]
    return Spent(tokens=sum(counted.tokens for counted in done), seconds=sum(counted.seconds for counted in done))


def reached_step(record: Record, arm: str, seed: int) -> int | None:
    """The first evaluated step of a training whose dev score is the suite's target or better; `None`: none."""
    asked = record.resolved.suite.evaluate_at
    if asked is None or asked.target is None:
        return None
    target = asked.target
    for entry in record.trajectories:
        if (entry.arm, entry.seed, entry.eval) == (arm, seed, target.eval):
            return next((step.step for step in entry.steps if step.reaches(target.value)), None)
    return None


def unreached(record: Record, arm: str) -> tuple[int, ...]:
    """Seeds of an arm whose trainings were scored over their steps and did not reach the target."""
    scored = {entry.seed for entry in record.trajectories if entry.arm == arm and entry.steps}
    seeds = record.resolved.suite.seeds_of(arm)
    return tuple(seed for seed in seeds if seed in scored and reached_step(record, arm, seed) is None)


def _seconds(ledger: Ledger) -> float | None:
    spent = ledger.seconds
    return (spent.data + spent.compute + spent.optimizer) or None


def _memory(ledger: Ledger) -> float | None:
    return ledger.peak_process_bytes if ledger.peak_device_bytes is None else ledger.peak_device_bytes


_STEPS = CostKind(
    name="seconds",
    title="seconds of steps",
    figure=_seconds,
    timed=True,
    absent="other jobs or programs ran beside it; run.workers = 1 on a quiet machine gives seconds of its own",
)
_TOKENS = CostKind(
    name="tokens",
    title="tokens",
    counted=True,
    figure=lambda ledger: ledger.tokens or None,
    absent="it trained on no token",
)
COSTS: dict[str, CostKind] = {
    kind.name: kind
    for kind in (
        _STEPS,
        CostKind(name="memory", title="peak memory", figure=_memory, absent="its memory was not measured"),
        _TOKENS,
        CostKind(
            name="supervised_tokens",
            title="supervised tokens",
            counted=True,
            figure=lambda ledger: ledger.supervised_tokens or None,
            absent="it trained on no supervised token",
        ),
        CostKind(
            name="flops",
            title="FLOPs",
            counted=True,
            figure=lambda ledger: ledger.flops,
            absent="its FLOPs were not counted",
        ),
        replace(
            _TOKENS,
            name="tokens_to_target",
            title="tokens to the target",
            absent="its steps were not scored",
            to_target=True,
        ),
        replace(_STEPS, name="seconds_to_target", title="seconds to the target", to_target=True),
    )
}


def figures(record: Record, arm: str, kind: CostKind) -> tuple[float | None, ...]:
    """One figure per seed of the arm; `None` where that training has none."""
    trainings = {training.seed: training for training in trainings_of(record, arm)}
    return tuple(_figure(record, trainings.get(seed), kind) for seed in record.resolved.suite.seeds_of(arm))


def _figure(record: Record, training: TrainingRecord | None, kind: CostKind) -> float | None:
    if training is None or training.result is None or (kind.timed and not own_speed(record, training)):
        return None
    if not kind.to_target:
        return kind.figure(training.result.ledger)
    spent = spent_until(training.result, reached_step(record, training.arm, training.seed))
    return (spent.seconds if kind.timed else spent.tokens) or None


def why_missing(record: Record, arm: str, kind: CostKind) -> str:
    """Why an arm lacks a figure."""
    trainings = [one for one in record.trainings if one.arm == arm and undisturbed(record, one)]
    unlike = [machine.name for one in trainings if (machine := unlike_machine(record, one)) is not None]
    if not kind.timed or not unlike:
        return kind.absent
    return f"it ran on {unlike[0]}, and seconds are compared on {compared_machine(record)}"


def mean_figure(values: tuple[float | None, ...], kind: CostKind) -> Amount | None:
    """The mean over seeds with its interval: exact for counts that do not vary, Student's t over at least two seeds for
    the others, else none. `None` without any figure."""
    sample = [value for value in values if value is not None]
    if not sample:
        return None
    if min(sample) == max(sample):
        mean = fmean(sample)
        return Amount(value=mean, low=mean, high=mean) if kind.counted else Amount(value=mean)
    return measured_mean(sample)


def measured_mean(values: Sequence[float]) -> Amount:
    """The mean of at least one measurement, with Student's interval where there are two that differ."""
    sample = np.array(values, dtype=np.float64)
    mean = fmean(values)
    if sample.size < 2 or np.ptp(sample) == 0:
        return Amount(value=mean)
    error = float(sample.std(ddof=1)) / sample.size**0.5
    curve = StudentCurve(centre=mean, standard_error=error, degrees=sample.size - 1, support=(0.0, np.inf))
    low, high = interval(curve, LEVEL)
    return Amount(value=mean, low=low, high=high)
