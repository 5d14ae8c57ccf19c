"""What is trained beside a frozen base: the tables of a recipe's adapter, one per family of methods."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from bench.spec import Count, Spec


def plain(value: object) -> object:
    """`value` with lists for tuples and dictionaries for other mappings, as JSON and the libraries have them."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


JsonTable = Annotated[dict[str, JsonValue], BeforeValidator(plain)]
"""A table that a library reads, handed on as it is."""

Text = Annotated[str, Field(min_length=1)]

Modules = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class LoraSpec(Spec):
    """Low-rank adapters (Hu et al. 2021), and what is built on them: `qlora`, `dora`, `rslora`, `pissa`."""

    r: Count = 16
    """Rank of the adapters."""
    alpha: float = Field(default=32, gt=0)
    """Scale: an adapter's output is multiplied by `alpha / r`."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of an adapter's inputs that are dropped while training."""
    target_modules: Modules | Literal["all-linear", "card"] = "card"
    """Module names, `all-linear`, or `card`: what the model's card names."""


class QuantizationSpec(Spec):
    """How `qlora` quantises its frozen base (Dettmers et al. 2023), by bitsandbytes on a CUDA GPU."""

    bits: Literal[4, 8] = 4
    """Bits of each frozen weight."""
    type: Literal["nf4", "fp4"] = "nf4"
    """Data type of 4 bits."""
    double: bool = True
    """Whether the scales of 4 bits are quantised, too."""


class Ia3Spec(Spec):
    """Learned scales of keys, values and feed-forward activations (Liu et al. 2022)."""

    target_modules: Modules | None = None
    """Module names; `None`: what PEFT names for the architecture."""
    feedforward_modules: tuple[str, ...] | None = None
    """Modules among `target_modules` whose input is scaled, not their output. Goes with `target_modules`."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.target_modules is None) != (self.feedforward_modules is None):
            raise ValueError("give target_modules and feedforward_modules together, or neither")
        if not set(self.feedforward_modules or ()) <= set(self.target_modules or ()):
            raise ValueError("feedforward_modules must be among target_modules")
        return self


class PrefixSpec(Spec):
    """Prefix tuning (Li and Liang 2021): learned keys and values before every row, in every layer."""

    virtual_tokens: Count = 20
    """Learned positions before each row."""
    projection: bool = False
    """Learn them through a small network, which is gone after training."""


class PromptTuningSpec(Spec):
    """Prompt tuning (Lester et al. 2021): learned embeddings before every row."""

    virtual_tokens: Count = 20
    """Learned positions before each row."""
    text: Text | None = None
    """Start from the embeddings of this text; `None`: from random ones."""


class PeftSpec(Spec):
    """Any other method of the installed PEFT, such as `{ type = "LOHA", r = 8 }`.

    Open on purpose: every further key is a field of that method's config class, checked before training starts.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    type: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """PEFT's name of the method (`peft.PeftType`), in capitals."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return plain(value)

    @property
    def fields(self) -> dict[str, JsonValue]:
        """All keys but `type`."""
        return dict(self.__pydantic_extra__)


AdapterSpec = LoraSpec | Ia3Spec | PrefixSpec | PromptTuningSpec | PeftSpec

TABLES: dict[str, str] = {
    "lora": "lora",
    "qlora": "lora",
    "dora": "lora",
    "rslora": "lora",
    "pissa": "lora",
    "ia3": "ia3",
    "prefix": "prefix",
    "prompt": "prompt",
    "peft": "peft",
}
"""Method → the key of the table that shapes its adapter."""

VIRTUAL_TOKEN_METHODS = frozenset({"prefix", "prompt"})
"""Methods whose adapter puts virtual tokens before each row."""
