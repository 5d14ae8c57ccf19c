"""What judging took, per eval: who judged, how much was asked, and the bill.

Contract: pure; sums over the arms of an eval. A sum is `None` where one of its parts is not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.analysis.answers.judge import JudgedArm


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingCost:
    """What the judge of one eval took, over all arms and seeds."""

    eval: str
    judge: str
    host: str | None
    """`None`: a model on this machine."""
    prompt: str
    asked: int
    reused: int
    """Replies from disk, among those asked."""
    cost: float | None
    """Cost of all replies, whenever paid for; `None` without a price, or where nothing was asked."""
    paid_before: float | None
    """The part of the cost that was paid before the jobs of this run ran."""
    currency: str | None


def judging_costs(judged: Sequence[JudgedArm]) -> tuple[JudgingCost, ...]:
    """One per eval, in the order of `judged`."""
    return tuple(
        _cost([arm for arm in judged if arm.eval == name]) for name in dict.fromkeys(arm.eval for arm in judged)
    )


def _cost(arms: Sequence[JudgedArm]) -> JudgingCost:
    asked = [arm for arm in arms if arm.total.asked]
    first = (asked or arms)[0]
    costs = [arm.total.cost for arm in asked if arm.total.cost is not None]
    cost = sum(costs) if costs and len(costs) == len(asked) else None
    return JudgingCost(
        eval=first.eval,
        judge=first.total.judge,
        host=first.total.host,
        prompt=first.total.prompt,
        asked=sum(arm.total.asked for arm in asked),
        reused=sum(arm.total.reused for arm in asked),
        cost=cost,
        paid_before=None if cost is None else cost - sum(arm.total.cost_now or 0.0 for arm in asked),
        currency=first.total.currency,
    )
