"""Events of a child while it works, as it emits them and its parent hears them; JSON between the two."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from bench.spec import Spec


class Event(Spec):
    """What a child reports; in JSON `type` names the class."""


class StepDone(Event):
    """One optimiser step is done. Its loss may be no number: the training is about to end as diverged."""

    model_config = ConfigDict(allow_inf_nan=True)

    type: Literal["step"] = "step"
    step: int
    """From 1."""
    steps: int
    """Planned steps."""
    loss: float | None = None
    """Nats per supervised token."""
    gradient_norm: float | None = None
    """Before clipping."""
    tokens: int | None = None
    """Tokens so far; `None` where nobody asks."""
    tokens_per_second: float | None = None


class ReadyForTurn(Event):
    """What has to be alone on the machine comes next: the child waits for its turn."""

    type: Literal["ready"] = "ready"


class PassTotals(Spec):
    """Sums over the forward passes so far."""

    tokens: int
    slots: int
    work: dict[str, int]
    """Fields of `bench.model.size.flops.Work`."""


class ExamplesDone(Event):
    """Some examples of an eval are done; 0 when the scoring begins."""

    type: Literal["examples"] = "examples"
    done: int
    total: int
    passes: PassTotals | None = None
    """`None` where no model of this machine computes."""


class StageDone(Event):
    """A part of the work beside its steps and examples is over."""

    type: Literal["stage"] = "stage"
    stage: Literal["made", "loaded", "compared"]
    """`made`: what a subject is loaded from; `loaded`: a subject; `compared`: it was held against its base."""


class RowsMeasured(Event):
    """Some rows of a preview are measured."""

    type: Literal["rows"] = "rows"
    done: int
    total: int


class RequestCompleted(Event):
    """The completion of one request to a loaded model."""

    type: Literal["completion"] = "completion"
    index: int
    """Place of the request, from 0."""
    text: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


class RequestFailed(Event):
    """One request has no completion."""

    type: Literal["failure"] = "failure"
    index: int
    why: str


class AllAnswered(Event):
    """Every request of one call is answered."""

    type: Literal["answered"] = "answered"


Emit = Callable[[Event], None]

_WHILE_WORKING = (
    StepDone | ReadyForTurn | ExamplesDone | StageDone | RowsMeasured | RequestCompleted | RequestFailed | AllAnswered
)
_ADAPTER: TypeAdapter[Event] = TypeAdapter(
    Annotated[_WHILE_WORKING, Field(discriminator="type")], config=ConfigDict(defer_build=True)
)


def ignore_event(event: Event) -> None:
    """For work that nobody watches."""


def event_of(message: Mapping[str, Any]) -> Event:
    """The event that a message of a working child holds."""
    return _ADAPTER.validate_python(message)
