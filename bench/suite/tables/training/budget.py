"""How much training each arm gets: the quantity that a suite holds equal."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bench.spec import Spec

_MOST = 1e15


class Budget(Spec):
    """How much training an arm gets, in the unit that the suite holds equal."""

    unit: Literal["epochs", "steps", "tokens", "supervised_tokens", "flops", "seconds"]
    """`flops`: model operations, forward and backward, padding left out. `seconds`: of training itself (data, forward
    and backward, optimiser), not reproducible: how far they go is the machine's."""
    amount: float = Field(gt=0, le=1e30)
    """Number of units for each training: `amount = 2_000_000`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.unit not in {"epochs", "seconds", "flops"}:
            if self.amount != int(self.amount):
                raise ValueError(
                    f"a budget in {self.unit} is a whole number; epochs, flops and seconds may be fractions"
                )
            if self.amount > _MOST:
                raise ValueError(f"a budget in {self.unit} is at most {_MOST:.0e}")
        return self
