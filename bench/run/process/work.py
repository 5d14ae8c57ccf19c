"""The work that a child can do: the request that it gets as JSON, and the tables of what it does by kind.

Contract: a payload is a frozen type that parent and child share; a child never reads a bare dict.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import ConfigDict

from bench.emit import Emit, Event
from bench.spec import Spec

Payload = TypeVar("Payload", bound=Spec)
FurtherRequest = TypeVar("FurtherRequest", bound=Spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkKind(Generic[Payload]):
    """One kind of work: what it is asked with, and what does it."""

    payload: type[Payload]
    do: Callable[[Payload, Path, Emit], object]
    """Payload, folder, emit → a JSON value, or a spec, that the parent gets."""

    def perform(self, fields: dict[str, Any], folder: Path, emit: Emit) -> object:
        """The value for the payload that `fields` hold, as JSON."""
        value = self.do(self.payload.model_validate(fields), folder, emit)
        return value.model_dump(mode="json") if isinstance(value, Spec) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[Payload, FurtherRequest]):
    """Work that takes further requests, until the parent wants no more."""

    payload: type[Payload]
    request: type[FurtherRequest]
    do: Callable[[Payload, Path, Emit, Iterator[FurtherRequest]], object]

    def perform(self, fields: dict[str, Any], folder: Path, emit: Emit, requests: Iterator[dict[str, Any]]) -> object:
        """Serve the payload that `fields` hold."""
        further = (self.request.model_validate(request) for request in requests)
        return self.do(self.payload.model_validate(fields), folder, emit, further)


REST = "rest"
"""The kind of work that gives back what a child has loaded for one subject alone."""


class Rest(Spec):
    """What a child that stays is asked before another one has work that may need the memory."""


IN_TURN = "probe in turn"
"""The kind of work that prepares a probe beside others, and waits for its turn before what has to be alone."""


class TurnGiven(Spec):
    """What a child that is prepared gets once nothing else works on the machine."""


class WorkDone(Event):
    """A child's last message where its work succeeded."""

    model_config = ConfigDict(allow_inf_nan=True)

    type: Literal["done"] = "done"
    value: Any
    """A JSON value."""


class ChildRequest(Spec):
    """What the parent asks of a child, as it crosses between them."""

    module: str
    """Module whose table `KINDS` (of `WorkKind`) or `SERVICES` (of `Service`) has the kind; imported before the fork
    where possible."""
    kind: str
    payload: dict[str, Any]
    """Fields of the kind's payload."""
    folder: str
    log: str
    """File that stdout and stderr are appended to."""
    lock: str | None = None
    """Held while the child works, so that a new attempt waits for an orphan."""
    stays: bool = False
    """Whether the child waits for another request after this one, with what it has loaded."""
