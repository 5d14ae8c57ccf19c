"""Whether the arms that train had, and used, the same budget.

Contract: pure functions of what each arm cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.analysis.training.costs.cost import Cost

TOLERANCE = 0.01
"""Budgets that differ by less than this share count as equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetMatch:
    """Whether the arms that train had, and used, the same budget."""

    arms: int
    """Arms that train."""
    finished: int
    """Arms of which the used budget is known."""
    units: tuple[str, ...]
    asked: tuple[float, float] | None
    """Smallest and largest budget of a training, `None` where no arm trains."""
    used: tuple[float, float] | None
    """Least and most that an arm used, a mean over its seeds; `None` where no training finished."""
    excess: float | None
    """By how much, as a share, the arm that used most exceeds the one that used least; `None` with mixed units."""

    @property
    def matched(self) -> bool:
        """Every arm finished, and what they used differs by no more than the tolerance."""
        return self.finished == self.arms and self.excess is not None and self.excess <= TOLERANCE


def budget_match(costs: Sequence[Cost]) -> BudgetMatch:
    """Over the arms that train."""
    trained = [cost for cost in costs if cost.trains]
    budgets = [cost.budget for cost in trained if cost.budget is not None]
    units = tuple(sorted({budget.unit for budget in budgets}))
    amounts = [budget.amount for budget in budgets]
    used = [cost.budget_used for cost in trained if cost.budget_used is not None]
    excesses = [cost.excess for cost in trained if cost.excess is not None]
    return BudgetMatch(
        arms=len(trained),
        finished=len(used),
        units=units,
        asked=(min(amounts), max(amounts)) if amounts else None,
        used=(min(used), max(used)) if used else None,
        excess=max(excesses) if excesses and len(units) == 1 else None,
    )
