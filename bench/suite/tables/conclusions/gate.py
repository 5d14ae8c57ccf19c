"""`[gate]`: what `bench gate quality` accepts of a run of this suite, against a stored run.

Contract: the policy of the run that is checked applies, as it was recorded with the run.
"""

from datetime import date
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from bench.spec import Name, Spec

Tier: TypeAlias = Literal["required", "advisory"]
"""`required`: a loss ends the check with no-go. `advisory`: a loss is shown and decides nothing."""


class _AcceptedLoss(Spec):
    """Loss that is accepted, in one of two ways."""

    margin: float | None = Field(default=None, ge=0)
    relative: float | None = Field(default=None, ge=0, lt=1)
    """In place of `margin`: the accepted loss as a share of the stored value."""

    @model_validator(mode="after")
    def _one_margin(self) -> Self:
        if self.margin is not None and self.relative is not None:
            raise ValueError("give margin or relative, not both")
        return self


class EvalPolicy(_AcceptedLoss):
    """`[gate.eval.NAME]`: one eval. A diagnostic eval is checked only where it has such a table."""

    margin: float | None = Field(default=None, ge=0)
    """Loss that is accepted, in the eval's units; left out: the suite's."""
    tier: Tier | None = None
    """Left out: the suite's."""


class Waiver(Spec):
    """`[[gate.waiver]]`: a loss that is accepted until a date, for a reason."""

    eval: Name | None = None
    """The eval whose loss is accepted."""
    arm: str | None = None
    """The arm, or `base`; left out: every arm of the eval."""
    claim: str | None = None
    """In place of `eval`: a claim that may fail, as the suite says it."""
    until: date
    """Last day of the waiver, such as 2027-01-31; afterwards it waives nothing."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """Why the loss is accepted; the check prints it."""

    @model_validator(mode="after")
    def _one_loss(self) -> Self:
        if (self.eval is None) == (self.claim is None):
            raise ValueError("give eval or claim: a waiver is for one eval, or for one claim")
        if self.claim is not None and self.arm is not None:
            raise ValueError("arm belongs to a waiver for an eval; a claim names its arms")
        return self


class GatePolicy(_AcceptedLoss):
    """`[gate]`: the accepted loss of every eval, with exceptions by eval and waivers."""

    margin: float | None = Field(default=None, ge=0)
    """Loss that is accepted on each eval, in its units; left out: none."""
    tier: Tier = "required"
    """`required`: a worse score fails the check; `advisory`: it is shown and decides nothing."""
    eval: dict[Name, EvalPolicy] = Field(default_factory=dict)
    """Exceptions: one table `[gate.eval.NAME]` for each eval with limits of its own."""
    waiver: tuple[Waiver, ...] = ()
    """One table `[[gate.waiver]]` for each loss that is accepted for a time."""

    def tier_of(self, name: str) -> Tier:
        """The tier of an eval."""
        policy = self.eval.get(name)
        return self.tier if policy is None or policy.tier is None else policy.tier

    def accepted_loss(self, name: str, stored: float | None) -> float:
        """Margin of an eval in its own units, given its stored value."""
        policy = self.eval.get(name)
        limits = self if policy is None or (policy.margin is None and policy.relative is None) else policy
        if limits.relative is not None:
            return limits.relative * abs(stored or 0.0)
        return limits.margin or 0.0
