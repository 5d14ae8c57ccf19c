"""How fast each arm trained against its control, and in what memory, from trainings that were alone on the machine.

Contract: pure. Speeds are non-padding tokens per second, one figure per seed; ratios are of geometric means, with
Welch's interval on the logarithms. There is no comparison where no two speeds were measured alone.
"""

from dataclasses import dataclass
from itertools import pairwise
from statistics import geometric_mean

from bench.record.record import Record
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.report.analysis.training.costs.cost_kinds import COSTS, CostKind, figures
from bench.stats.estimates.costs.ratio import Ratio, cost_ratio

SPEED = CostKind(
    name="speed",
    title="tokens per second",
    counted=False,
    figure=lambda ledger: ledger.tokens_per_second or None,
    timed=True,
    absent="it never ran alone",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One arm. speed, memory: arm / control, `None` without a control that trained. lead: its speed over that of the
    next slower arm, `None` for the slowest."""

    arm: str
    tokens_per_second: float
    """Geometric mean over seeds."""
    control: str | None
    speed: Ratio | None
    memory: Ratio | None
    lead: Ratio | None


def paces(record: Record) -> tuple[Pace, ...]:
    """Arms whose speed was measured, fastest first; empty where fewer than two were."""
    suite = record.resolved.suite
    arms = {arm.name: arm for arm in planned_arms(record)}
    speeds = {name: figures(record, name, SPEED) for name in arms}
    timed = {name: values for name, values in speeds.items() if any(value is not None for value in values)}
    if len(timed) < 2:
        return ()
    order = sorted(timed, key=lambda name: -_mean(timed[name]))
    leads = {faster: cost_ratio(timed[faster], timed[slower]) for faster, slower in pairwise(order)}
    return tuple(_pace(record, name, suite.control_of(arms[name]), timed, leads.get(name)) for name in order)


def _pace(
    record: Record,
    arm: str,
    control: str | None,
    speeds: dict[str, tuple[float | None, ...]],
    lead: Ratio | None,
) -> Pace:
    mean = _mean(speeds[arm])
    if control not in speeds:
        return Pace(arm=arm, tokens_per_second=mean, control=control, speed=None, memory=None, lead=lead)
    memory = [figures(record, name, COSTS["memory"]) for name in (arm, control)]
    return Pace(
        arm=arm,
        tokens_per_second=mean,
        control=control,
        speed=cost_ratio(speeds[arm], speeds[control]),
        memory=cost_ratio(*memory),
        lead=lead,
    )


def _mean(values: tuple[float | None, ...]) -> float:
    return geometric_mean([value for value in values if value is not None])
