"""A server that answers everything alike, without a request: for rehearsals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.suite.tables.models.endpoint import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class MockServer:
    """A `Completer` whose every answer is `text`."""

    text: str
    name: str = "mock"
    host: str | None = None
    price: Price | None = None

    def digest(self, request: CompletionRequest) -> str:
        """Nothing is stored."""
        return ""

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """The answer to each."""
        for request in requests:
            reply = Reply(
                digest="",
                request=request,
                model=self.name,
                host=None,
                text=self.text,
                finish_reason="stop",
                prompt_tokens=0,
                completion_tokens=0,
                at="",
                seconds=0.0,
                attempts=1,
            )
            yield Completion(digest="", reply=reply, attempts=1)
