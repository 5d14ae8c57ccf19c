"""A model on this machine as a `Completer`: a child process answers; replies are kept as an endpoint's are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Outcome, Reply, Request
from bench.endpoint.local import LocalAsker, seed_of
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

    @property
    def _asker(self) -> LocalAsker:
        return LocalAsker(model=self.model, precision=self.precision, cache=self.cache)

    def digest(self, request: Request) -> str:
        """See `LocalAsker`."""
        return self._asker.digest(request)

    def complete(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Outcomes in order. Raises `InputError` where the child fails; answers until then are kept."""
        return self._asker.complete(requests, self._answer)

    def _answer(self, new: dict[str, Request]) -> dict[str, Reply | str]:
        """Replies, or why there is none, by digest."""
        digests, found = list(new), dict[str, Reply | str]()

        def hear(event: dict[str, Any]) -> None:
            digest = digests[event["index"]]
            if event["type"] == "failure":
                found[digest] = str(event["why"])
                return
            found[digest] = self._asker.keep(
                digest,
                new[digest],
                text=event["text"],
                finish_reason=event["finish_reason"],
                prompt_tokens=event["prompt_tokens"],
                completion_tokens=event["completion_tokens"],
            )

        payload = {
            "model": self.model.model_dump(mode="json"),
            "precision": self.precision,
            "threads": self.threads,
            "seeds": [seed_of(digest, new[digest]) for digest in digests],
            "requests": [request.model_dump(mode="json") for request in new.values()],
        }
        self.server.call("complete", payload, folder=self.logs, log=self.logs / "complete.txt", on_event=hear)
        return found
