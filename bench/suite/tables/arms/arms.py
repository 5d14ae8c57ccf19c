"""The arms of a suite: what is trained or was given, each name once, and the forms in which an arm is shipped."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from pydantic import Field

from bench.spec import Name, Spec
from bench.suite.tables.arms.deploy import FORM_SEPARATOR, DeployedForm
from bench.suite.tables.arms.given_arm import GIVEN, GivenArm

BASE = "base"
"""The subject that was not trained; `base@MODEL` where a suite has several models."""


def is_base(subject: str) -> bool:
    """Whether a name in a report is that of a base, not of an arm."""
    return subject == BASE or subject.startswith(f"{BASE}@")


def recipe_name(arm: str) -> str:
    """Recipe in an arm's name, `DATA/RECIPE` or `DATA/RECIPE@MODEL`."""
    return arm.partition("/")[2].partition("@")[0]


class ArmRef(Spec):
    """One data × recipe (× model) cell, or what was given: `given` × its name."""

    data: str
    """Name of a `[data]` table."""
    recipe: str
    """Name of a `[recipe]` table."""
    model: str | None = None
    """Name of a `[models]` table; left out: the suite's one model, or each of several."""

    @property
    def name(self) -> str:
        """The arm's name, such as `lima_1k/full`, or `lima_1k/full@small` where the suite has several models."""
        return f"{self.data}/{self.recipe}" + self.suffix

    @property
    def suffix(self) -> str:
        """What tells the models apart in a name: `@small`, or nothing."""
        return "" if self.model is None else f"@{self.model}"

    @property
    def is_given(self) -> bool:
        """Whether it was trained elsewhere."""
        return self.data == GIVEN

    @property
    def trained(self) -> str:
        """Name of the arm whose weights these are: its own."""
        return self.name

    @property
    def deployed(self) -> DeployedForm | None:
        """The form in which the weights of `trained` are shipped; `None`: as they were trained."""
        return None

    @property
    def base(self) -> str:
        """The base that this arm trains, as a subject."""
        return BASE + self.suffix

    def covers(self, arm: "ArmRef") -> bool:
        """Whether `arm` is this one, for any model where this one names none."""
        return (self.data, self.recipe) == (arm.data, arm.recipe) and self.model in (None, arm.model)


class DeployedArm(ArmRef):
    """An arm in a form of `[deploy]`."""

    form: DeployedForm

    @property
    def name(self) -> str:
        """The trained arm's name and the form, such as `lima_1k/lora:int8`."""
        return self.trained + FORM_SEPARATOR + self.form

    @property
    def trained(self) -> str:
        """Name of the arm whose weights these are."""
        return super().name

    @property
    def deployed(self) -> DeployedForm:
        """The form."""
        return self.form


class Arms(Spec):
    """`[arms]`: the product of `data`, `recipe` and the models, without `exclude`, plus `include`."""

    data: tuple[str, ...] = ()
    """Names of `[data]` tables: each is trained with each recipe."""
    recipe: tuple[str, ...] = ()
    """Names of `[recipe]` tables."""
    model: tuple[str, ...] = ()
    """Names of `[models]` tables; none: all of them."""
    include: tuple[ArmRef, ...] = ()
    """Further arms, one by one: `[{ data = "curated", recipe = "lora" }]`."""
    exclude: tuple[ArmRef, ...] = ()
    """Combinations that are not trained: `[{ data = "mixed", recipe = "full" }]`."""
    given: dict[Name, GivenArm] = Field(default_factory=dict)
    """What was trained elsewhere, weights or endpoints, beside what the suite trains or alone: `[arms.given.NAME]`."""

    def expand(self, models: Sequence[str]) -> Mapping[str, ArmRef]:
        """All arms by name, in the order of the file, each once. `models`: the suite's, where it has several."""
        parts = (self.data, self.recipe, self.model, self.include, self.exclude)
        made = _expanded(parts, tuple(models))
        if not self.given:
            return made  # as it is: who asks for one arm's seeds asks for those of each of a thousand
        given = (ArmRef(data=GIVEN, recipe=name, model=arm.model) for name, arm in self.given.items())
        return {**made, **{arm.name: arm for arm in given}}


_ArmsParts = tuple[
    tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[ArmRef, ...], tuple[ArmRef, ...]
]  # data, recipe, model, include, exclude


@lru_cache(maxsize=16)
def _expanded(parts: _ArmsParts, models: tuple[str, ...]) -> Mapping[str, ArmRef]:
    """Cached: whoever asks for the control of one arm asks for that of each."""
    data_names, recipes, chosen, include, exclude = parts
    named: tuple[str | None, ...] = (chosen or models) if models else (None,)
    product = [
        ArmRef(data=data, recipe=recipe, model=model) for data in data_names for recipe in recipes for model in named
    ]
    kept = [arm for arm in product if not any(ref.covers(arm) for ref in exclude)]
    included = [
        ref.model_copy(update={"model": model})
        for ref in include
        for model in ((ref.model,) if ref.model is not None and models else named)
    ]
    return {arm.name: arm for arm in (*kept, *included)}
