"""`[deploy]`: the forms in which trained arms are shipped, each compared with the arm as it was trained."""

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, field_validator

from bench.spec import Spec
from bench.suite.tables.models.endpoint import EndpointSpec

DeployedForm: TypeAlias = Literal[
    "adapter", "merged", "merged-bf16", "int8", "int4", "gguf-f16", "gguf-q8_0", "gguf-q4_k_m", "endpoint"
]
"""What is shipped of a training: its adapter in the base's layers; one model with the adapter merged, in the type
of a fully tuned one or in bf16; its linear layers in 8 or 4 bits; a file for llama.cpp; a server."""
FORMS: tuple[DeployedForm, ...] = get_args(DeployedForm)

RUNTIMES: dict[DeployedForm, tuple[str, ...]] = {
    "int8": ("torchao",),
    "gguf-f16": ("llama_cpp_python", "gguf"),
    "gguf-q8_0": ("llama_cpp_python", "gguf"),
    "gguf-q4_k_m": ("llama_cpp_python", "gguf"),
}
"""Distributions that compute with a form beside the libraries of every eval."""

GGUF_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""llama.cpp's architecture of each `model_type` that a GGUF file is written of."""

FORM_SEPARATOR = ":"
"""Between the name of an arm and its form: `curated/lora:int8`."""

Forms = tuple[DeployedForm, ...]


class DeployOptions(Spec):
    """`[deploy]`: each form is an arm `ARM:FORM` on the same evals, whose control is the arm as it was trained."""

    forms: Forms = ()
    """Forms of every arm that has them: `["merged-bf16", "int8"]`."""
    arms: dict[str, Annotated[Forms, Field(min_length=1)]] = Field(default_factory=dict)
    """Forms of single arms in place of `forms`: `{ "curated/lora" = ["adapter", "int8"] }`."""
    endpoint: dict[str, EndpointSpec] = Field(default_factory=dict)
    """Server that has the first training of an arm, for its form `endpoint`:
    `{ "curated/lora" = { base_url = "http://localhost:8000/v1", model = "curated" } }`."""
    margin: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Difference from the trained arm that would not matter, by eval or `EVAL/TASK`: `{ qa = 0.02 }`. Each form gets a
    claim `ARM:FORM == ARM` on it."""

    @field_validator("forms")
    @classmethod
    def _each_once(cls, forms: Forms) -> Forms:
        return _without_repeats(forms)

    @field_validator("arms")
    @classmethod
    def _of_each_arm_once(cls, arms: dict[str, Forms]) -> dict[str, Forms]:
        return {arm: _without_repeats(forms) for arm, forms in arms.items()}


def _without_repeats(forms: Forms) -> Forms:
    if len(set(forms)) < len(forms):
        raise ValueError("give each form once")
    return forms
