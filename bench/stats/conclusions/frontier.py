"""Quality against cost: which subjects are worth their price, and which of them that is known of.

Contract: intervals that do not overlap decide. A point is dominated where another is shown to cost no more and to be
better (or to cost less and be no worse). It is on the frontier where every other point is shown to be worse or to cost
more. Everything else is unresolved, whatever the estimates say. Costs within 1% of each other are told apart by nothing
that anyone would pay for: a MiB more of a process is its allocator's, and budgets in tokens end within a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

EQUAL_COST = 1.01
"""Ratio of two costs up to which neither is the dearer one."""
Standing = Literal["frontier", "unresolved", "dominated", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A value with its interval; without one, low and high are `None` and nothing is shown by it."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """quality: more is better (negate a loss). cost: less is better; an exact count has low = high = value."""

    name: str
    quality: Amount | None
    cost: Amount | None

    @property
    def priced(self) -> bool:
        """Both figures are known, and it costs something."""
        return self.quality is not None and self.cost is not None and self.cost.value > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """by: names of the points that dominate it (shown to, where it is dominated; else by the estimates)."""

    name: str
    standing: Standing
    by: tuple[str, ...]


def frontier(points: Sequence[Point]) -> tuple[Placed, ...]:
    """The standing of each point, in the order given."""
    return tuple(_place(point, points) for point in points)


def _place(point: Point, points: Sequence[Point]) -> Placed:
    if point.quality is None or point.cost is None:
        return Placed(name=point.name, standing="unknown", by=())
    others = [other for other in points if other is not point]
    shown = tuple(other.name for other in others if _dominates_surely(other, point))
    if shown:
        return Placed(name=point.name, standing="dominated", by=shown)
    likely = tuple(other.name for other in others if _dominates(other, point))
    safe = all(_cannot_dominate(other, point) for other in others)
    return Placed(name=point.name, standing="frontier" if safe else "unresolved", by=likely)


def _dominates(point: Point, other: Point) -> bool:
    if point.quality is None or point.cost is None or other.quality is None or other.cost is None:
        return False
    better, cheaper = point.quality.value - other.quality.value, other.cost.value - point.cost.value
    return better >= 0 and cheaper >= 0 and (better > 0 or cheaper > 0)


def _dominates_surely(point: Point, other: Point) -> bool:
    if point.quality is None or point.cost is None or other.quality is None or other.cost is None:
        return False
    better = _above(point.quality, other.quality)
    cheaper = _dearer(other.cost, point.cost)
    same_cost = _same_cost(point.cost, other.cost)
    same_quality = point.quality.value == other.quality.value and _exact(point.quality) and _exact(other.quality)
    return (better and (cheaper or same_cost)) or (cheaper and same_quality)


def _cannot_dominate(point: Point, other: Point) -> bool:
    """Whether `point` is shown to be worse than `other`, to cost more, or to equal it exactly; unknown figures decide
    nothing against `other`."""
    if point.quality is None or point.cost is None or other.quality is None or other.cost is None:
        return True
    worse = _above(other.quality, point.quality)
    equal = point.quality == other.quality and _exact(point.quality) and _same_cost(point.cost, other.cost)
    return worse or _dearer(point.cost, other.cost) or equal


def _above(estimate: Amount, other: Amount) -> bool:
    return estimate.low is not None and other.high is not None and estimate.low > other.high


def _dearer(cost: Amount, other: Amount) -> bool:
    """Whether a cost is shown to be above another."""
    if _free(other):
        return cost.value > 0
    return cost.low is not None and other.high is not None and cost.low > EQUAL_COST * other.high


def _same_cost(cost: Amount, other: Amount) -> bool:
    exact = _exact(cost) and _exact(other)
    return exact and not _dearer(cost, other) and not _dearer(other, cost)


def _free(cost: Amount) -> bool:
    """Whatever costs anything costs more than this, measured once or not at all."""
    return cost.value == 0 and _exact(cost)


def _exact(figure: Amount) -> bool:
    return figure.low == figure.value == figure.high
