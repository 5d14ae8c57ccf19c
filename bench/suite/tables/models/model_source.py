"""Who writes or judges: an endpoint, or a model on this machine."""

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from bench.spec import Count, Spec
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.models.model import ModelSpec
from bench.suite.tables.models.precision import Precision


class LocalSpec(ModelSpec):
    """A model on this machine, by card, hub id or folder as in a suite; greedy where no temperature is given."""

    precision: Precision | Literal["auto"] = "auto"
    """`auto`: bf16 on a GPU that has it, else fp32."""
    threads: Count = 1
    """Processor threads."""


class ModelSource(Spec):
    """Who writes or judges: exactly one of the two."""

    one_of: ClassVar = ("endpoint", "local")

    endpoint: EndpointSpec | None = None
    """An OpenAI-compatible server."""
    local: LocalSpec | None = None
    """A model on this machine."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if not self.has_one():
            raise ValueError("give exactly one of endpoint or local")
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the answers: without how patiently, how fast and at what price they are asked for."""
        if self.endpoint is not None:
            return {"endpoint": self.endpoint.identity}
        assert self.local is not None, "validated"
        return {"local": self.local.model_dump(mode="json", exclude={"threads"})}
