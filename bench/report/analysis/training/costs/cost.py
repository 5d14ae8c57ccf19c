"""What each arm cost: speed, memory, parameters, and the budget that it really used.

Contract: pure functions of the record. Counts are means over the seeds that finished; what no seed can tell is `None`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.record.record import ProbeRecord, Record, TrainingRecord
from bench.record.results.training.ledger import LEAST_DISTURBING_SHARE, Ledger, Utilization
from bench.record.results.training.result import TrainResult
from bench.report.analysis.run_facts.known import mean_of_known
from bench.report.analysis.run_facts.own_speed import own_speed, unlike_machine, unlike_name
from bench.report.analysis.run_facts.subjects import planned_arms, probes_of, trainings_of
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.recipe import Recipe

DISTURBING_SHARE = LEAST_DISTURBING_SHARE
"""Share of the machine's processor time that other programs may take beside a speed, at most."""
_QUIET = 2 / 3
"""Share of the device's highest peak below which other programs took part of it."""
_COUNTS = ("rows", "steps", "epochs", "slots", "tokens", "supervised_tokens")
"""Figures of one training that its ledger counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Percentiles of a set of seconds."""

    p5: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One arm. Counts are of one training."""

    arm: str
    seeds: int
    """Trainings that finished."""
    tokens_per_second: float | None = None
    """Non-padding tokens per second, measured alone on the machine; `None` where it never was alone."""
    shared_tokens_per_second: float | None = None
    """Tokens per second over all trainings, other jobs and programs beside them included: no measure of the arm."""
    unlike_machine: str | None = None
    """Machine that `shared_tokens_per_second` was measured on, alone, where other arms were on another kind."""
    processor_tokens_per_second: float | None = None
    """Tokens per second of processor time over all trainings: what other load moves little."""
    other_load: float | None = None
    """Largest share of the machine's processor time that other programs took beside a training; `None`: not
    measured."""
    memory_bytes: float | None = None
    """Peak of a training; as all that is measured, the mean over the seeds."""
    memory_of_device: bool = False
    parameters: float | None = None
    trainable_parameters: float | None = None
    rows: float | None = None
    steps: float | None = None
    epochs: float | None = None
    slots: float | None = None
    tokens: float | None = None
    supervised_tokens: float | None = None
    packing_efficiency: float | None = None
    """tokens / slots."""
    seconds: float | None = None
    """Wall time of the job's own work."""
    budget: Budget | None = None
    """`None` of an arm that this run did not train."""
    budget_used: float | None = None
    """In the budget's unit."""
    excess: float | None = None
    """Budget used, as a share above the arm that used least, of the same unit; `None` where it is unknown."""
    step_seconds: Percentiles | None = None
    """Seconds of an optimiser step after warm-up, in trainings that ran alone; `None` where none did."""
    mfu: float | None = None
    """Model FLOPs utilisation, of the highest peak that the run measured on the device; `None` where it never ran
    alone."""
    hfu: float | None = None
    """Hardware FLOPs utilisation: padding, and what gradient checkpointing computes again, counted as work."""
    peaks_under_load: int = 0
    """Trainings after which the device gave less than two thirds of the run's highest peak at this precision: other
    programs were at work beside them."""
    faster_than_peak: int = 0
    """Trainings that were faster than the run's highest peak: other programs were at work while it was measured."""
    measured_peak: float | None = None
    """FLOP/s that `mfu` and `hfu` are shares of."""
    published_peak: float | None = None
    """The vendor's FLOP/s, where it is known."""
    flops: float | None = None
    """Model operations of one training."""
    joules: float | None = None
    """Energy of one training, from the machine's counter, in trainings that ran alone."""
    processes: int = 1
    """Processes of each training; speed, peak and memory are of all of them."""
    price: float | None = None
    """Price of one training's share of the machine, in the suite's currency; `None` without a price per hour."""
    trains: bool = True
    """False for `few_shot`, deployed forms and what was given: none costs a training, nor has a budget to match."""


def costs(record: Record) -> tuple[Cost, ...]:
    """One row per arm, in the suite's order."""
    suite = record.resolved.suite
    conditions = _peak_conditions(record)
    peaks = _highest_peaks(record, conditions)
    rows = []
    for arm in planned_arms(record):
        if not suite.trains(arm):
            parameters = None if suite.endpoint_of(arm) is not None else record.resolved.base_of(arm).parameters
            elsewhere = arm.is_given or arm.deployed is not None
            rows.append(_untrained(arm.name, parameters, elsewhere=elsewhere))
            continue
        trainings, probes = trainings_of(record, arm.name), probes_of(record, arm.name)
        recipe = suite.recipe[arm.recipe]
        cost = _cost(record, arm, trainings, probes, peaks.get(conditions[arm.name]))
        rows.append(_priced(cost, recipe, record))
    return _with_excess(rows)


def _peak_conditions(record: Record) -> dict[str, tuple[str, int]]:
    """What a device's peak depends on, by arm: the precision that it was trained in (`auto` is one for each base), and
    the processes."""
    trained_in = {t.arm: t.result.precision for t in record.trainings if t.result is not None}
    recipes = {arm.name: record.resolved.suite.recipe.get(arm.recipe) for arm in planned_arms(record)}
    return {
        arm: (trained_in.get(arm, recipe.precision), recipe.processes)
        for arm, recipe in recipes.items()
        if recipe is not None
    }


def _highest_peaks(record: Record, conditions: dict[str, tuple[str, int]]) -> dict[tuple[str, int], float]:
    """Highest measured FLOP/s by condition, on the machines whose speeds are compared: a measurement under another load
    is below the device's."""
    trainings = [one for one in record.trainings if unlike_machine(record, one) is None]
    probes = [one for one in record.probes if unlike_machine(record, one) is None]
    measured = [(one.arm, one.result.ledger.utilization) for one in trainings if one.result is not None]
    measured += [(one.arm, one.result.utilization) for one in probes if one.result is not None]
    highest: dict[tuple[str, int], float] = {}
    for arm, utilization in measured:
        condition = conditions.get(arm)
        if condition is not None and utilization is not None and utilization.peak_flops_per_second:
            highest[condition] = max(highest.get(condition, 0.0), utilization.peak_flops_per_second)
    return highest


def _cost(
    record: Record, arm: ArmRef, trainings: Sequence[TrainingRecord], probed: Sequence[ProbeRecord], peak: float | None
) -> Cost:
    budget = record.resolved.suite.budget_of(arm)
    results = [training.result for training in trainings if training.result is not None]
    ledgers = [result.ledger for result in results]
    own = [one.result for one in trainings if one.result is not None and own_speed(record, one)]
    probes = [probe.result for probe in probed if probe.result is not None and own_speed(record, probe)]
    whole = [result.ledger for result in results if not result.diverged]  # a diverged one left some of its budget
    alone = [result.ledger for result in own]
    device = any(ledger.peak_device_bytes is not None for ledger in ledgers)
    peaks = (ledger.peak_device_bytes if device else ledger.peak_process_bytes for ledger in ledgers)
    counts: dict[str, Any] = {name: mean_of_known(getattr(ledger, name) for ledger in ledgers) for name in _COUNTS}
    slots, tokens = counts["slots"], counts["tokens"]
    return Cost(
        arm=arm.name,
        seeds=len(results),
        tokens_per_second=mean_of_known(one.tokens_per_second for one in probes or alone),
        shared_tokens_per_second=mean_of_known(ledger.tokens_per_second for ledger in ledgers),
        unlike_machine=unlike_name(record, trainings),
        processor_tokens_per_second=mean_of_known(ledger.processor_tokens_per_second for ledger in ledgers),
        other_load=_most(ledger.other_load.processor_share for ledger in ledgers if ledger.other_load is not None),
        memory_bytes=mean_of_known(peaks),
        memory_of_device=device,
        parameters=mean_of_known(result.parameters for result in results),
        trainable_parameters=mean_of_known(result.trainable_parameters for result in results),
        packing_efficiency=tokens / slots if tokens is not None and slots else None,
        seconds=mean_of_known(ledger.seconds.wall for ledger in ledgers),
        budget=budget,
        budget_used=mean_of_known(used_of(ledger, budget.unit) for ledger in whole),
        step_seconds=_step_seconds(own),
        flops=mean_of_known(ledger.flops for ledger in ledgers),
        joules=mean_of_known(ledger.energy.joules for ledger in alone if ledger.energy is not None),
        **counts,
        **_utilised([one.utilization for one in probes or alone if one.utilization is not None], peak),
    )


def _utilised(measured: Sequence[Utilization], peak: float | None) -> dict[str, Any]:
    """Shares of the run's highest peak, without measurements that exceed it; how many do, and how many show other
    programs' work beside the training."""
    used = [u for u in measured if peak is None or max(u.flops_per_second, u.hardware_flops_per_second) <= peak]
    low = [u for u in used if peak is not None and (u.peak_flops_per_second or peak) < _QUIET * peak]
    return {
        "peaks_under_load": len(low),
        "faster_than_peak": len(measured) - len(used),
        "mfu": mean_of_known(u.flops_per_second / peak for u in used) if peak else None,
        "hfu": mean_of_known(u.hardware_flops_per_second / peak for u in used) if peak else None,
        "measured_peak": peak if used else None,
        "published_peak": mean_of_known(u.published_flops_per_second for u in used),
    }


def used_of(ledger: Ledger, unit: str) -> float | None:
    """What a training used of its budget. Seconds are those of training itself."""
    if unit == "seconds":
        return ledger.seconds.data + ledger.seconds.compute + ledger.seconds.optimizer
    count: float | None = getattr(ledger, unit)
    return count


def _step_seconds(results: list[TrainResult]) -> Percentiles | None:
    seconds = sorted(step.seconds for result in results for step in result.steps[result.ledger.warmup_steps_left_out :])
    if not seconds:
        return None
    p5, median, p95 = (seconds[round(share * (len(seconds) - 1))] for share in (0.05, 0.5, 0.95))
    return Percentiles(p5=p5, median=median, p95=p95)


def _priced(cost: Cost, recipe: Recipe, record: Record) -> Cost:
    """With its processes and its price: each of them takes a worker's share of the machine, all at most the whole."""
    cost = replace(cost, processes=recipe.processes)
    price = record.resolved.suite.run.price_per_hour
    if price is None or cost.seconds is None:
        return cost
    workers = record.environment.workers
    return replace(cost, price=price * cost.seconds / 3600 * min(cost.processes, workers) / workers)


def _untrained(arm: str, parameters: int | None, *, elsewhere: bool) -> Cost:
    """Nothing was trained here: there is no speed or memory of a training. Counts are zero; of what was given,
    and of another arm's training in a deployed form, they are not known."""
    untrained = Cost(arm=arm, seeds=0, parameters=None if parameters is None else float(parameters), trains=False)
    if elsewhere:
        return untrained
    none: dict[str, Any] = dict.fromkeys(_COUNTS, 0.0)
    return replace(untrained, trainable_parameters=0.0, seconds=0.0, **none)


def _with_excess(rows: list[Cost]) -> tuple[Cost, ...]:
    """Compares arms whose budgets have the same unit."""
    least: dict[str, float] = {}
    for cost in rows:
        if cost.budget is not None and cost.budget_used:
            unit = cost.budget.unit
            least[unit] = min(least.get(unit, cost.budget_used), cost.budget_used)
    return tuple(_replace_excess(cost, least) for cost in rows)


def _replace_excess(cost: Cost, least: dict[str, float]) -> Cost:
    if cost.budget is None or not cost.budget_used:
        return cost
    return replace(cost, excess=cost.budget_used / least[cost.budget.unit] - 1.0)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
