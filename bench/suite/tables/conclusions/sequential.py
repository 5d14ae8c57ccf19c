"""`[sequential]`: how often a growing run may be looked at, stated before it starts."""

from typing import Annotated, Literal

from pydantic import Field

from bench.spec import Count, Name, Spec


class SequentialOptions(Spec):
    """`[sequential]`: claims are decided by looks at a growing number of seeds and examples, which together err as
    seldom as one."""

    max_seeds: Annotated[int, Field(ge=2, le=1000)]
    """Trainings of each arm at the last look; a look's share of the information is its trainings as a share of
    these."""
    max_examples: dict[Name, Count] = Field(default_factory=dict)
    """By eval, its examples at the last look: `{ qa = 800 }`. `bench run --until-decided` then buys examples too, as
    many at a time as the eval's own `limit` or `select.size`; of an `lm_eval` they are counted by task."""
    spending: Literal["obrien_fleming", "pocock"] | None = None
    """How much of the error each look may use: hardly anything at first, or about the same at each. Default:
    `obrien_fleming`, but `pocock` where examples grow, which keeps its promise there."""
    futility: float = Field(default=0.1, ge=0, lt=0.5)
    """`bench run --until-decided` gives a claim up where the chance that what may be bought decides it is below this,
    if the estimate is the truth."""

    @property
    def chosen_spending(self) -> Literal["obrien_fleming", "pocock"]:
        """The spending function that is used."""
        return self.spending or ("pocock" if self.max_examples else "obrien_fleming")
