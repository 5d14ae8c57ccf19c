"""`[[claim]]`: a statement that a run is to decide, on an eval, on a cost, or on quality per cost."""

import re
from typing import Literal, Self, TypeAlias, get_args

from pydantic import Field, field_validator, model_validator

from bench.errors import did_you_mean
from bench.spec import Spec

CLAIM = re.compile(r"^\s*(?P<left>\S+)\s*(?P<relation>>=|>|==)\s*(?P<right>\S+)\s*$")
COST_PREFIX = "cost:"
CostName: TypeAlias = Literal["seconds", "memory", "tokens", "supervised_tokens", "flops"]
"""What one training costs. `seconds`: of training alone on the machine, without start-up and saving. `memory`: its
peak, of the device where there is one. `flops`: where they were counted."""
TargetCostName: TypeAlias = Literal["tokens_to_target", "seconds_to_target"]
"""What a training took until it reached `evaluate_at.target` on the dev examples."""
TARGET_COSTS: tuple[str, ...] = get_args(TargetCostName)
COST_NAMES: tuple[str, ...] = (*get_args(CostName), *TARGET_COSTS)


class Claim(Spec):
    """`[[claim]]`: a statement that the run is to decide."""

    says: str
    """`LEFT >= RIGHT`, `LEFT > RIGHT` or `LEFT == RIGHT`; each side an arm or `base`. More is better: of a cost, less.

    `>=` is "at most `margin` worse"."""
    on: str = Field(min_length=1)
    """An eval's name, `EVAL/TASK` for one of its tasks or for a group that adds its tasks up, or a cost:
    `cost:seconds`, `cost:memory`, `cost:tokens`, `cost:supervised_tokens`, `cost:flops`, and until
    `evaluate_at.target` is reached `cost:seconds_to_target`, `cost:tokens_to_target`."""
    per: CostName | None = None
    """Decide on the eval's score per unit of this cost."""
    margin: float = Field(default=0.0, ge=0)
    """In the eval's units; of a cost, or with `per`, a share: 0.1 is 10% more, or 1 / 1.1, which is 9.1% less."""

    @field_validator("says")
    @classmethod
    def _parses(cls, says: str) -> str:
        if CLAIM.match(says) is None:
            raise ValueError("write it as `arm >= other`, `arm > other` or `arm == other`")
        return says

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.on.startswith(COST_PREFIX):
            name = self.on.removeprefix(COST_PREFIX)
            if name not in COST_NAMES:
                raise ValueError(f"there is no cost {name!r}; {did_you_mean(name, COST_NAMES)}")
            if self.per is not None:
                raise ValueError("`per` belongs to a claim on an eval: a cost per cost is no quality")
        return self

    @property
    def cost(self) -> str | None:
        """The cost that is compared, by itself or under the score; `None` for a claim on scores alone."""
        return self.on.removeprefix(COST_PREFIX) if self.on.startswith(COST_PREFIX) else self.per

    @property
    def eval(self) -> str | None:
        """The eval's name; `None` for a claim on a cost."""
        return None if self.on.startswith(COST_PREFIX) else self.on.partition("/")[0]

    @property
    def task(self) -> str | None:
        """The one task of the eval that is meant; `None`: all."""
        return None if self.eval is None else self.on.partition("/")[2] or None

    @property
    def measure(self) -> str:
        """What it is decided on, in words: `qa`, `cost:seconds`, `qa per seconds`."""
        return self.on if self.per is None else f"{self.on} per {self.per}"

    def parts(self) -> tuple[str, Literal[">=", ">", "=="], str]:
        """Left subject, relation, right subject."""
        match = CLAIM.match(self.says)
        assert match is not None, "validated"
        return match["left"], match["relation"], match["right"]  # type: ignore[return-value]  # the pattern's three
