"""Rounds of speed probes: each round times every arm once, forth and back in turn, until the speeds are told apart.

Contract: pure. A round follows the last one in reverse order (A B C, C B A), so that a steady drift of the machine
falls on all arms alike. Rounds stop where the speeds of neighbours in speed are resolved, or at `run.probe_rounds`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import geometric_mean

from bench.record.jobs.train_job import ProbeJob
from bench.record.results.training.result import ProbeResult
from bench.run.plan.types import Plan, PlannedJob

EQUAL_SPEED = 0.02
"""Relative difference of two speeds below which they need not be told apart."""


def rounds_of(plan: Plan) -> tuple[int, ...]:
    """Rounds of the probes that are asked for, in order."""
    return tuple(sorted({job.round for _, job in _probes(plan)}))


def in_round(plan: Plan, number: int) -> list[PlannedJob]:
    """Probes of one round that this run has to execute."""
    return [planned for planned, job in _probes(plan) if job.round == number and planned.to_do]


def without_needless_rounds(plan: Plan, result: Callable[[PlannedJob], ProbeResult | None]) -> Plan:
    """The plan without the rounds that follow once the speeds are resolved. `result`: of a probe that has ended."""
    speeds: dict[str, list[float]] = {}
    for number in rounds_of(plan):
        if resolved(speeds):
            return _until(plan, number)
        for planned, job in _probes(plan):
            if job.round == number:
                ended = result(planned)
                if ended is None or not ended.tokens_per_second:
                    return plan
                speeds.setdefault(job.training.arm, []).append(ended.tokens_per_second)
    return plan


def without_later(plan: Plan, number: int, arms: Collection[str | None]) -> Plan:
    """The plan without the probes of some arms after round `number`."""
    jobs = (
        planned
        for planned in plan.jobs
        if not (isinstance(planned.job, ProbeJob) and planned.job.round > number and planned.arm in arms)
    )
    return replace(plan, jobs=tuple(jobs))


def resolved(speeds: Mapping[str, Sequence[float]]) -> bool:
    """Whether each arm's speed differs from the next slower one's, or is equal within `EQUAL_SPEED`, by the 95%
    interval of their ratio, paired by round. speeds: tokens per second by arm, one for each round."""
    if not speeds or min(map(len, speeds.values())) < 2:
        return False
    order = sorted(speeds, key=lambda arm: -geometric_mean(speeds[arm]))
    return all(_apart_or_equal(speeds[faster], speeds[slower]) for faster, slower in pairwise(order))


def _apart_or_equal(faster: Sequence[float], slower: Sequence[float]) -> bool:
    from bench.stats.estimates.costs.ratio import (
        cost_ratio,  # scipy takes a third of a second, and most plans compare none
    )

    ratio = cost_ratio(faster, slower, paired=True)
    if ratio.low is None or ratio.high is None:
        return ratio.ratio is not None  # the rounds agree to the last digit
    equal = ratio.low >= 1 / (1 + EQUAL_SPEED) and ratio.high <= 1 + EQUAL_SPEED
    return equal or ratio.low > 1 or ratio.high < 1


def _probes(plan: Plan) -> list[tuple[PlannedJob, ProbeJob]]:
    return [(planned, planned.job) for planned in plan.jobs if planned.selected and isinstance(planned.job, ProbeJob)]


def _until(plan: Plan, number: int) -> Plan:
    """Without the probes of round `number` and later."""
    jobs = (p for p in plan.jobs if not (isinstance(p.job, ProbeJob) and p.job.round >= number))
    return replace(plan, jobs=tuple(jobs))
