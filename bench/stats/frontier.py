"""Quality against cost: which subjects are worth their price, and which of them that is known of.

Contract: a point is dominated only where another is shown to cost no more and to be better (or to cost less and be no
worse) by intervals that do not overlap; where only the estimates say so, it is unresolved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    """by: the names of those that dominate it (resolved ones where dominated, else by the estimates)."""

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
    return Placed(name=point.name, standing="unresolved" if likely else "frontier", by=likely)


def _dominates(one: Point, other: Point) -> bool:
    if one.quality is None or one.cost is None or other.quality is None or other.cost is None:
        return False
    better, cheaper = one.quality.value - other.quality.value, other.cost.value - one.cost.value
    return better >= 0 and cheaper >= 0 and (better > 0 or cheaper > 0)


def _dominates_surely(one: Point, other: Point) -> bool:
    if one.quality is None or one.cost is None or other.quality is None or other.cost is None:
        return False
    better = _above(one.quality, other.quality)
    cheaper = _above(other.cost, one.cost) or (_free(one.cost) and other.cost.value > 0)
    same_cost = one.cost.value == other.cost.value and _exact(one.cost) and _exact(other.cost)
    same_quality = one.quality.value == other.quality.value and _exact(one.quality) and _exact(other.quality)
    return (better and (cheaper or same_cost)) or (cheaper and same_quality)


def _above(one: Amount, other: Amount) -> bool:
    return one.low is not None and other.high is not None and one.low > other.high


def _free(cost: Amount) -> bool:
    """Whatever costs anything costs more than this, measured once or not at all."""
    return cost.value == 0 and _exact(cost)


def _exact(figure: Amount) -> bool:
    return figure.low == figure.value == figure.high
