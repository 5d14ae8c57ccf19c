"""What the training of each arm consisted of: tokens, supervised tokens, steps and epochs.

Contract: pure. A budget makes one of them equal; how far the others are apart belongs beside the claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.analysis.cost import Cost

UNEQUAL = 1.2
"""From this ratio of the largest to the smallest dose on, the arms did not train alike."""
MEASURES = ("tokens", "supervised_tokens", "steps", "epochs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One arm: means over its finished trainings."""

    arm: str
    tokens: float
    supervised_tokens: float
    steps: float
    epochs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseSpread:
    """One measure of the dose over all arms that trained."""

    measure: str
    least: float
    most: float

    @property
    def ratio(self) -> float | None:
        """Largest by smallest dose; `None` where an arm had none of it."""
        return self.most / self.least if self.least > 0 else None

    @property
    def unequal(self) -> bool:
        """Whether the arms did not train alike by this measure."""
        return self.most > 0 and (self.ratio is None or self.ratio >= UNEQUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doses:
    """All arms with a finished training, and how far apart they are."""

    arms: tuple[Dose, ...]
    spreads: tuple[DoseSpread, ...]
    """One per measure; empty with fewer than two arms."""

    @property
    def unequal(self) -> tuple[str, ...]:
        """Measures by which the arms did not train alike, epochs left out: rows differ in number by design."""
        return tuple(spread.measure for spread in self.spreads if spread.unequal and spread.measure != "epochs")


def doses(costs: Sequence[Cost]) -> Doses:
    """Over the arms that train and have a finished training."""
    arms = tuple(dose for cost in costs if cost.trains and (dose := _dose(cost)) is not None)
    return Doses(arms=arms, spreads=tuple(_spread(arms, name) for name in MEASURES) if len(arms) > 1 else ())


def _dose(cost: Cost) -> Dose | None:
    if cost.tokens is None or cost.supervised_tokens is None or cost.steps is None or cost.epochs is None:
        return None
    return Dose(
        arm=cost.arm,
        tokens=cost.tokens,
        supervised_tokens=cost.supervised_tokens,
        steps=cost.steps,
        epochs=cost.epochs,
    )


def _spread(arms: Sequence[Dose], name: str) -> DoseSpread:
    values = [float(getattr(dose, name)) for dose in arms]
    return DoseSpread(measure=name, least=min(values), most=max(values))
