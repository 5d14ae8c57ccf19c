"""A suite: models, data, recipes, arms, evals and claims, as one frozen value."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from bench.spec import Count, Name, Seed, Spec
from bench.suite.data import DataSpec
from bench.suite.evals import EvalSpec
from bench.suite.model import ModelSpec
from bench.suite.recipe import Budget, Recipe

CLAIM = re.compile(r"^\s*(?P<left>\S+)\s*(?P<relation>>=|>|==)\s*(?P<right>\S+)\s*$")


class ArmRef(Spec):
    """One data × recipe pair."""

    data: str
    """Name of a `[data]` table."""
    recipe: str
    """Name of a `[recipe]` table."""

    @property
    def name(self) -> str:
        """The arm's name, such as `lima_1k/full`."""
        return f"{self.data}/{self.recipe}"


class Arms(Spec):
    """`[arms]`: the product of `data` and `recipe`, without `exclude`, plus `include`."""

    data: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    include: tuple[ArmRef, ...] = ()
    exclude: tuple[ArmRef, ...] = ()

    def expand(self) -> tuple[ArmRef, ...]:
        """All arms, in the order of the file, each once."""
        product = [ArmRef(data=data, recipe=recipe) for data in self.data for recipe in self.recipe]
        kept = [arm for arm in product if arm not in self.exclude]
        return tuple(dict.fromkeys([*kept, *self.include]))


class Claim(Spec):
    """`[[claim]]`: a statement that the run is to decide."""

    says: str
    """`LEFT >= RIGHT`, `LEFT > RIGHT` or `LEFT == RIGHT`; each side an arm or `base`.

    `>=` is "at most `margin` worse"."""
    on: str
    """An eval's name."""
    margin: float = Field(default=0.0, ge=0)
    """In the eval's units."""

    @field_validator("says")
    @classmethod
    def _parses(cls, says: str) -> str:
        if CLAIM.match(says) is None:
            raise ValueError("write it as `arm >= other`, `arm > other` or `arm == other`")
        return says

    def parts(self) -> tuple[str, Literal[">=", ">", "=="], str]:
        """Left subject, relation, right subject."""
        match = CLAIM.match(self.says)
        assert match is not None, "validated"
        return match["left"], match["relation"], match["right"]  # type: ignore[return-value]  # the pattern's three


class RunOptions(Spec):
    """`[run]`: how the machine is used. Recorded, and part of a result only where it changes it (threads)."""

    workers: Annotated[int, Field(gt=0, le=256)] | Literal["auto"] = "auto"
    """Trainings side by side; `auto`: one per core for models below 20M parameters on a CPU, else one."""
    steps_between_saves: Count | None = None
    """Save a resumable checkpoint every so many steps; `None`: none."""
    probe_steps: int = Field(default=8, ge=0, le=10_000)
    """Steps of each arm that are timed alone on the machine when trainings ran side by side; 0: no probe."""


class Suite(Spec):
    """One TOML file after its profile and overrides were laid over it."""

    name: Name
    """Names the folder under `reports/`."""
    question: str = Field(min_length=1)
    """What the suite asks, in one sentence; the report opens with it."""
    seeds: tuple[Seed, ...] = Field(default=(0,), min_length=1)
    """One training of each arm per seed; each once."""
    control: str | None = None
    """An arm (`random_1k/full`), or a data name (`random_1k`): then each arm's control is that data with the arm's own
    recipe, where the suite has that arm."""
    model: ModelSpec
    data: dict[Name, DataSpec] = Field(min_length=1)
    recipe: dict[Name, Recipe] = Field(min_length=1)
    budget: Budget
    arms: Arms
    eval: tuple[EvalSpec, ...] = Field(min_length=1)
    claim: tuple[Claim, ...] = ()
    run: RunOptions = RunOptions()

    def control_of(self, arm: ArmRef) -> str | None:
        """Name of the arm that `arm` is compared with; `None` where the suite has none or it is the control itself."""
        if self.control is None:
            return None
        name = self.control if "/" in self.control else f"{self.control}/{arm.recipe}"
        return name if name != arm.name and name in {other.name for other in self.arms.expand()} else None

    def budget_of(self, arm: ArmRef) -> Budget:
        """The recipe's own budget, else the suite's."""
        return self.recipe[arm.recipe].budget or self.budget
