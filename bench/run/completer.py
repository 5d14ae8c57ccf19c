"""A model on this machine as a `Completer`: a child process answers; replies are kept as an endpoint's are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from bench.digest import digest_code, digest_json
from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Outcome, Reply, Request
from bench.run.child import ChildServer
from bench.suite.endpoint import Price
from bench.suite.model import Precision
from bench.suite.resolved import ResolvedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCompleter:
    """Answers one call's requests at once; the model is loaded anew for each call."""

    model: ResolvedModel
    precision: Precision | Literal["auto"]
    threads: int
    cache: ReplyCache
    logs: Path
    """Folder of the child's log."""
    server: ChildServer

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

    def digest(self, request: Request) -> str:
        """Over the weights, the template, the precision, the request, and the code and library that generate."""
        return digest_json(
            {
                "model": self.model.sha256,
                "template": [self.model.template, self.model.template_sha256, self.model.end_of_turn],
                "precision": self.precision,
                "request": request.model_dump(mode="json"),
                "computed_by": _program(),
            }
        )

    def complete(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Outcomes in order. Raises `InputError` where the child fails; answers until then are kept."""
        digests = [self.digest(request) for request in requests]
        kept = {digest: reply for digest in dict.fromkeys(digests) if (reply := self.cache.get(digest)) is not None}
        new: dict[str, Request] = {
            digest: request for digest, request in zip(digests, requests, strict=True) if digest not in kept
        }
        made = self._answer(new) if new else {}
        for digest in digests:
            if digest in kept:
                yield Outcome(digest=digest, reply=kept[digest])
                continue
            found = made.get(digest, "the model gave no answer")
            if isinstance(found, str):
                yield Outcome(digest=digest, reply=None, failure=found, attempts=1)
            else:
                yield Outcome(digest=digest, reply=found, attempts=1)
                kept[digest] = found  # an equal request later in the list costs nothing

    def _answer(self, new: dict[str, Request]) -> dict[str, Reply | str]:
        """Replies, or why there is none, by digest."""
        digests, found = list(new), dict[str, Reply | str]()

        def hear(event: dict[str, Any]) -> None:
            digest = digests[event["index"]]
            if event["type"] == "failure":
                found[digest] = str(event["why"])
                return
            found[digest] = reply = self._reply(event, digest, new[digest])
            self.cache.put(reply)

        payload = {
            "model": self.model.model_dump(mode="json"),
            "precision": self.precision,
            "threads": self.threads,
            "seeds": [_seed(digest, new[digest]) for digest in digests],
            "requests": [request.model_dump(mode="json") for request in new.values()],
        }
        self.server.call("complete", payload, folder=self.logs, log=self.logs / "complete.txt", on_event=hear)
        return found

    def _reply(self, event: dict[str, Any], digest: str, request: Request) -> Reply:
        return Reply(
            digest=digest,
            request=request,
            model=self.model.name,
            host=None,
            text=event["text"],
            finish_reason=event["finish_reason"],
            prompt_tokens=event["prompt_tokens"],
            completion_tokens=event["completion_tokens"],
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=0.0,
            attempts=1,
        )


@cache
def _program() -> tuple[str, ...]:
    """The code and libraries that generate."""
    return (digest_code("evals", "model", "data"), version("torch"), version("transformers"))


def _seed(digest: str, request: Request) -> int:
    """Of the request itself, so that samples differ and a repetition does not."""
    own = request.sampling.seed
    return int(digest[:8], 16) if own is None else (own + request.sample) % 2**32
