"""Shared parts of asking a model on this machine: digests, seeds, and replies stored as an endpoint's are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Literal

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.spec import Spec
from bench.suite.resolved import ResolvedModel
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
class LocalAsker:
    """The model that is asked, and where its replies are stored."""

    model: ResolvedModel
    precision: Precision | Literal["auto"]
    cache: ReplyCache
    generated_by: str
    """Module whose code generates."""

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

    def complete(
        self,
        requests: Sequence[CompletionRequest],
        make: Callable[[dict[str, CompletionRequest]], Mapping[str, Reply | str]],
    ) -> Iterator[Completion]:
        """Completions in order. `make` answers the requests, by digest, that no kept reply answers: a reply that it has
        kept, or why there is none."""
        digests = [self.digest(request) for request in requests]
        kept = {digest: reply for digest in dict.fromkeys(digests) if (reply := self.cache.get(digest)) is not None}
        new = {digest: request for digest, request in zip(digests, requests, strict=True) if digest not in kept}
        answers = make(new) if new else {}
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

    def keep(
        self,
        digest: str,
        request: CompletionRequest,
        *,
        text: str,
        finish_reason: str | None,
        prompt_tokens: int,
        completion_tokens: int,
    ) -> Reply:
        """A new answer as a reply, on disk."""
        reply = Reply(
            digest=digest,
            request=request,
            model=self.model.name,
            host=None,
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
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
