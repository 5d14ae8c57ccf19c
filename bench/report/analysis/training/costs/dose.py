"""What the training of each arm consisted of: tokens, supervised tokens, steps, rows and epochs.

Contract: pure. A budget makes one of them equal; how far the others are apart belongs beside the claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.record.remarks import DoseSpread, dose_spread
from bench.report.analysis.training.costs.cost import Cost

MEASURES = ("tokens", "supervised_tokens", "steps", "rows", "epochs")
COMPARED = ("tokens", "supervised_tokens", "steps")
"""Measures by which arms should train alike; rows differ in length, and data sets in rows, by design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One arm: means over its finished trainings."""

    arm: str
    tokens: float
    supervised_tokens: float
    steps: float
    rows: float
    epochs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Doses:
    """All arms with a finished training, and how far apart they are."""

    arms: tuple[Dose, ...]
    spreads: tuple[DoseSpread, ...]
    """One per measure; empty with fewer than two arms."""

    @property
    def unequal(self) -> tuple[str, ...]:
        """Measures of `COMPARED` by which the arms did not train alike."""
        return tuple(spread.measure for spread in self.spreads if spread.unequal and spread.measure in COMPARED)


def doses(costs: Sequence[Cost]) -> Doses:
    """Over the arms that train and have a finished training."""
    arms = tuple(dose for cost in costs if cost.trains and (dose := _dose(cost)) is not None)
    return Doses(
        arms=arms,
        spreads=tuple(dose_spread(name, [float(getattr(arm, name)) for arm in arms]) for name in MEASURES)
        if len(arms) > 1
        else (),
    )


def _dose(cost: Cost) -> Dose | None:
    amounts = {name: amount for name in MEASURES if (amount := getattr(cost, name)) is not None}
    return Dose(arm=cost.arm, **amounts) if len(amounts) == len(MEASURES) else None
