"""The one interface to whatever writes text: requests in, completions out, in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

from bench.spec import Spec
from bench.suite.tables.models.endpoint import Price, Sampling

MOST_STOPS = 4
"""Stop texts that every server takes; answers are cut at all of them here."""


class Message(Spec):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class CompletionRequest(Spec):
    """What is asked. Two requests that are equal have one reply."""

    messages: tuple[Message, ...]
    prompt: tuple[int, ...] | None = None
    """Token ids in place of messages, for a server of known weights (`/completions`)."""
    stop_ids: tuple[int, ...] = ()
    """Tokens that end an answer to `prompt`."""
    top_k: int | None = None
    """Draw from this many most probable tokens, behind `prompt`."""
    sampling: Sampling = Sampling()
    sample: int = 0
    """Number of the sample, among samples of the same prompt."""

    @classmethod
    def ask(cls, text: str, *, sampling: Sampling, system: str | None = None, sample: int = 0) -> Self:
        """A single question."""
        before = () if system is None else (Message(role="system", content=system),)
        return cls(messages=(*before, Message(role="user", content=text)), sampling=sampling, sample=sample)


class Reply(Spec):
    """An answer, as it is stored on disk."""

    format: Literal[1] = 1
    digest: str
    """Digest of the request, the model and where it is asked."""
    request: CompletionRequest
    """The request that was answered."""
    model: str
    """The model's name as the server gives it; else as it was asked for."""
    host: str | None
    """`None` for a model on this machine."""
    text: str
    """Empty where the model wrote nothing or refused."""
    token_ids: tuple[int, ...] | None = None
    """The answer's tokens, where a server of known weights gives them."""
    finish_reason: str | None
    """`stop`; `length` where the answer was cut at its longest; or what else the server says."""
    prompt_tokens: int | None
    completion_tokens: int | None
    at: str
    """When it came, ISO 8601, UTC."""
    seconds: float
    attempts: int

    @property
    def cut(self) -> bool:
        """Whether the answer ended for its length."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The result of one request: a reply, or why there is none."""

    digest: str
    reply: Reply | None
    failure: str | None = None
    """One line, without the key."""
    attempts: int = 0
    """Requests sent now; 0 for a stored reply."""
    rejected: bool = False
    """Whether asking again is of no use: it is the request that was refused."""

    @property
    def reused(self) -> bool:
        """Whether the reply was stored by an earlier request."""
        return self.reply is not None and self.attempts == 0


class Completer(Protocol):
    """Answers requests: an endpoint, or a model on this machine."""

    @property
    def name(self) -> str:
        """The model."""

    @property
    def host(self) -> str | None:
        """Where it is asked; `None` for this machine."""

    @property
    def price(self) -> Price | None:
        """`None` where it is unknown."""

    def digest(self, request: CompletionRequest) -> str:
        """Name under which the reply to `request` is stored."""

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """A completion for each request, in their order.

        Raises `InputError` for what no further request can get past (key refused, unknown model), `IncompleteError`
        where going on later makes sense.
        """


def wire_messages(request: CompletionRequest) -> list[dict[str, Any]]:
    """The messages in the protocol's form."""
    return [{"role": message.role, "content": message.content} for message in request.messages]
