"""Quality against cost: which arms are worth what they cost, on every eval that is not a diagnostic.

Contract: pure. The base is a point too: it costs nothing more. Standings are those of
`bench.stats.conclusions.frontier`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.record.record import Record
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.run_facts.own_speed import own_speed
from bench.report.analysis.run_facts.subjects import planned_arms, probes_of
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.costs.cost_kinds import COSTS, CostKind, figures, mean_figure, measured_mean
from bench.stats.conclusions.frontier import EQUAL_COST, Amount, Placed, Point, frontier

TRADED = ("seconds", "memory", "tokens", "flops")
FREE = Amount(value=0.0, low=0.0, high=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """One measurand against one cost. quality: as the eval has it, whatever its direction; the points' is turned so
    that more is better."""

    measurand: Measurand
    cost: CostKind
    points: tuple[Point, ...]
    standings: Mapping[str, Placed]
    """By name of the point."""
    probed: bool
    """Whether seconds are tokens divided by the speed of short probes, because no training ran alone."""


def tradeoffs(
    record: Record, measurands: Sequence[Measurand], results: Mapping[tuple[str, str], Result]
) -> tuple[Tradeoff, ...]:
    """Every measurand but diagnostics against every cost that some arm has a figure of and that is not equal for all.

    An equal cost buys nothing: there the ranks say all.
    """
    arms = planned_arms(record)
    bases = list(dict.fromkeys(arm.base for arm in arms))
    trades: list[Tradeoff] = []
    for name in TRADED:
        kind, prices = _prices(record, COSTS[name], [arm.name for arm in arms])
        amounts = {figure.value for figure in prices.values() if figure is not None}
        if not amounts or (kind.counted and max(amounts) <= EQUAL_COST * min(amounts)):
            continue
        paid = {**dict.fromkeys(bases, FREE), **prices}
        probed = kind.title != COSTS[name].title
        for measurand in measurands:
            if measurand.role != "diagnostic":
                points = tuple(
                    Point(name=name, quality=_quality(results.get((name, measurand.name))), cost=cost)
                    for name, cost in paid.items()
                )
                placed = {standing.name: standing for standing in frontier(points)}
                trades.append(
                    Tradeoff(
                        measurand=measurand,
                        cost=kind,
                        points=points,
                        standings=placed,
                        probed=probed,
                    )
                )
    return tuple(trades)


def _prices(record: Record, kind: CostKind, arms: Sequence[str]) -> tuple[CostKind, dict[str, Amount | None]]:
    """What each arm cost. Where no training ran alone, its seconds are its tokens at the speed that its probes had,
    alone on the machine: Student's interval over the rounds, none after a single round."""
    prices = {arm: mean_figure(figures(record, arm, kind), kind) for arm in arms}
    if kind.name != "seconds" or any(figure is not None for figure in prices.values()):
        return kind, prices
    tokens = {arm: mean_figure(figures(record, arm, COSTS["tokens"]), COSTS["tokens"]) for arm in arms}
    probed: dict[str, Amount | None] = {}
    for arm in arms:
        seen, speeds = tokens[arm], _probed_speeds(record, arm)
        probed[arm] = None if seen is None or not speeds else measured_mean([seen.value / speed for speed in speeds])
    return replace(kind, title="seconds of steps at the probe's speed"), probed


def _probed_speeds(record: Record, arm: str) -> list[float]:
    """Tokens per second, one for each round of probes."""
    own = [probe.result for probe in probes_of(record, arm) if probe.result is not None and own_speed(record, probe)]
    return [result.tokens_per_second for result in own if result.tokens_per_second]


def _quality(result: Result | None) -> Amount | None:
    if result is None or result.value.mean is None:
        return None
    value = result.value
    mean = result.value.mean
    if result.measurand.higher_is_better:
        return Amount(value=mean, low=value.low, high=value.high)
    turned = Amount(value=-mean)
    if value.low is None or value.high is None:
        return turned
    return replace(turned, low=-value.high, high=-value.low)
