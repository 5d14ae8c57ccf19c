"""A model on this machine, asked as an endpoint is: digests, seeds, and replies that are stored in the same way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Literal

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.emit import RequestCompleted, RequestFailed
from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.spec import Spec
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.endpoint import Price
from bench.suite.tables.models.precision import Precision


class WriterRequest(Spec):
    """The model that a child is to answer with."""

    model: ResolvedModel
    training: str | None = None
    """Folder of the training whose model answers; `None`: the base."""
    precision: Precision | Literal["auto"]
    threads: int


class CompleteRequest(Spec):
    """Requests that a loaded model is asked, any number of times."""

    seeds: tuple[int, ...]
    """Seed of each request's sampling."""
    requests: tuple[CompletionRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCompleter:
    """A `Completer` of a model on this machine. ask: answers what no stored reply does; each answer is stored before
    the next one is waited for."""

    model: ResolvedModel
    precision: Precision | Literal["auto"]
    cache: ReplyCache
    generated_by: str
    """Module whose code generates."""
    ask: Callable[[CompleteRequest], Iterator[RequestCompleted | RequestFailed]]

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def host(self) -> str | None:
        """This machine."""
        return None

    @property
    def price(self) -> Price | None:
        """Unknown."""
        return None

    def digest(self, request: CompletionRequest) -> str:
        """Over the model, the precision, the request, and the code and library that generate."""
        return digest_json(
            {
                "model": self.model.identity,
                "precision": self.precision,
                "request": request.model_dump(mode="json"),
                "computed_by": _program(self.generated_by),
            }
        )

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """Completions in order. Raises what `ask` does; answers until then are kept."""
        digests = [self.digest(request) for request in requests]
        kept = {digest: reply for digest in dict.fromkeys(digests) if (reply := self.cache.get(digest)) is not None}
        new = {digest: request for digest, request in zip(digests, requests, strict=True) if digest not in kept}
        answers = self._answers(new) if new else {}
        for digest in digests:
            if digest in kept:
                yield Completion(digest=digest, reply=kept[digest])
                continue
            reply_or_failure = answers.get(digest, "the model gave no answer")
            if isinstance(reply_or_failure, str):
                yield Completion(digest=digest, reply=None, failure=reply_or_failure, attempts=1, rejected=True)
            else:
                yield Completion(digest=digest, reply=reply_or_failure, attempts=1)
                kept[digest] = reply_or_failure  # an equal request later in the list costs nothing

    def _answers(self, new: Mapping[str, CompletionRequest]) -> dict[str, Reply | str]:
        """Replies, or why there is none, by digest."""
        digests, seeds = list(new), tuple(seed_of(digest, request) for digest, request in new.items())
        return {
            digests[event.index]: event.why
            if isinstance(event, RequestFailed)
            else self._keep(digests[event.index], new[digests[event.index]], event)
            for event in self.ask(CompleteRequest(seeds=seeds, requests=tuple(new.values())))
        }

    def _keep(self, digest: str, request: CompletionRequest, answer: RequestCompleted) -> Reply:
        """A new answer as a reply, on disk."""
        reply = Reply(
            digest=digest,
            request=request,
            model=self.model.name,
            host=None,
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=0.0,
            attempts=1,
        )
        self.cache.put(reply)
        return reply


def seed_of(digest: str, request: CompletionRequest) -> int:
    """Sampling seed from the request alone: samples differ, a repeated request does not."""
    sampling_seed = request.sampling.seed
    return int(digest[:8], 16) if sampling_seed is None else (sampling_seed + request.sample) % 2**32


@cache
def _program(module: str) -> tuple[str, ...]:
    """The code and libraries that generate."""
    return (own_code().digest(module), version("torch"), version("transformers"))
