"""The request for a description of a model, and the description: types that need no heavy library."""

from typing import Any

from bench.spec import Spec
from bench.suite.tables.training.adapter import LoraSpec


class DescribeRequest(Spec):
    """A config as in `config.json`, and the adapters to count."""

    config: dict[str, Any]
    folder: str | None = None
    """The checkpoint's folder, if it may run code of its own."""
    lora: LoraSpec
    card_modules: tuple[str, ...] | str
    """Modules that `target_modules = "card"` means."""


class Description(Spec):
    """Exact parameter counts; tied weights count once."""

    architecture: str
    parameters: int
    lora_parameters: int
    """Model and adapter together."""
    lora_trainable_parameters: int
