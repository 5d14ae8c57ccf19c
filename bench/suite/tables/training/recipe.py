"""A recipe of the suite, whose keys go together, and the recipe of one training: a setting of it, without defaults."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from bench.spec import Spec
from bench.suite.tables.training.adapter import (
    TABLES,
    AdapterSpec,
    Ia3Spec,
    LoraSpec,
    Modules,
    PrefixSpec,
    PromptTuningSpec,
    QuantizationSpec,
)
from bench.suite.tables.training.recipe_checks import check_together
from bench.suite.tables.training.recipe_keys import RecipeKeys
from bench.suite.tables.training.sweep import Setting, setting_label, take_sweeps

_DEFAULTS: dict[str, Callable[[], AdapterSpec]] = {
    "lora": LoraSpec,
    "ia3": Ia3Spec,
    "prefix": PrefixSpec,
    "prompt": PromptTuningSpec,
}


class Recipe(RecipeKeys):
    """`[recipe.NAME]`."""

    @model_validator(mode="before")
    @classmethod
    def _sweeps_apart(cls, table: Any) -> Any:
        return take_sweeps(table) if isinstance(table, Mapping) else table

    @model_validator(mode="after")
    def _each_setting(self) -> Self:
        """Every setting of a sweep is a valid recipe by itself."""
        for setting in () if self.sweep is None else self.sweep.settings:
            try:
                Recipe.model_validate(self.with_setting(setting).model_dump(), strict=True)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                place = ".".join(map(str, first["loc"]))
                message = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
                raise ValueError(f"with {setting_label(setting)}: {place + ': ' if place else ''}{message}") from None
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        check_together(self)
        return self

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All settings that a sweep tries; without a sweep one that changes nothing."""
        return ({},) if self.sweep is None else self.sweep.settings

    @property
    def rates(self) -> tuple[float, ...]:
        """All learning rates that trainings of this recipe may have; empty where nothing is trained."""
        rates = (self.with_setting(setting).learning_rate for setting in self.settings)
        return tuple(dict.fromkeys(rate for rate in rates if rate is not None))

    @property
    def rate(self) -> float:
        """The learning rate of a training, which has exactly one."""
        if self.learning_rate is None or self.sweep is not None:
            raise ValueError("no learning rate was chosen yet")
        return self.learning_rate

    def with_setting(self, setting: Setting) -> Self:
        """The recipe with one setting of its sweep, and nothing left to choose."""
        if self.sweep is None and not setting:
            return self
        update: dict[str, Any] = {"sweep": None}
        for key, value in setting.items():
            table, _, name = key.rpartition(".")
            chosen = tuple(value) if isinstance(value, list) else value
            if table:
                update[table] = update.get(table, getattr(self, table)).model_copy(update={name: chosen})
            else:
                update[key] = chosen
        return self.model_copy(update=update)

    def with_defaults(self, card_modules: Modules | Literal["all-linear"]) -> Self:
        """The recipe with every table that its method leaves to defaults, and with the modules that the model's card
        names (`card_modules`) where it asks the card: what a training does, in full. A command has its own defaults."""
        if self.command is not None:
            return self
        table = TABLES.get(self.method)
        tables: dict[str, Spec] = {}
        if table is not None and table != "peft":
            tables[table] = getattr(self, table) or _DEFAULTS[table]()
        if self.method == "qlora":
            tables["quantization"] = self.quantization or QuantizationSpec()
        lora = tables.get("lora")
        if isinstance(lora, LoraSpec) and lora.target_modules == "card":
            tables["lora"] = lora.model_copy(update={"target_modules": card_modules})
        return self.model_copy(update=tables)
