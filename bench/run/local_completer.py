"""Models on this machine as `Completer`s: a child process answers; replies are kept as an endpoint's are.

Contract: a model is loaded when the first request needs it and stays loaded for all that follow, until another model is
asked: one at a time, so that a writer and a judge need no more memory than the larger. The child ends with `close`, and
with this process however that ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from bench.emit import AllAnswered, RequestCompleted, RequestFailed
from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.endpoint.local_model import CompleteRequest, LocalAsker, WriterRequest, seed_of
from bench.errors import IncompleteError, InputError
from bench.run.process.server import Child, ChildServer, failed
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.endpoint import Price
from bench.suite.tables.models.precision import Precision

KIND = "complete"
_GENERATOR = "bench.evals.completions"


@dataclass(slots=True, kw_only=True)
class LoadedModel:
    """The one model that is loaded; a context manager."""

    server: ChildServer
    logs: Path
    """Folder of the child's log."""
    _child: Child | None = None
    _payload: WriterRequest | None = None

    def ask(self, payload: WriterRequest, request: CompleteRequest) -> Iterator[RequestCompleted | RequestFailed]:
        """Events of the model that `payload` describes, until it has answered the whole `request`.

        Raises `InputError` where the child refuses, and `IncompleteError` where it fails: going on makes sense.
        """
        child, answered = self._child_for(payload), False
        try:
            child.ask(request)
            while not child.ended():
                for event in child.wait():
                    if answered := isinstance(event, AllAnswered):
                        return
                    if isinstance(event, RequestCompleted | RequestFailed):
                        yield event
        finally:
            if not answered:  # what it would still say answers nobody's question
                self.close()
        self._raise(child)

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _child_for(self, payload: WriterRequest) -> Child:
        if self._child is None or self._payload != payload:
            self.close()
            self._child = self.server.start(KIND, payload, folder=self.logs, log=self._log)
            self._payload = payload
        return self._child

    @property
    def _log(self) -> Path:
        return self.logs / f"{KIND}.txt"

    def _raise(self, child: Child) -> None:
        if child.problems:
            raise InputError(child.problems)
        assert child.failure is not None, "it ended before it had answered"
        problem = failed(KIND, child.failure, self._log)
        hint = f"{problem.hint}; what was answered is kept, the same command resumes from there"
        raise IncompleteError(replace(problem, hint=hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCompleter:
    """Answers with one model."""

    model: ResolvedModel
    precision: Precision | Literal["auto"]
    threads: int
    cache: ReplyCache
    loaded: LoadedModel
    """Shared by all completers of a run."""

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
        return LocalAsker(model=self.model, precision=self.precision, cache=self.cache, generated_by=_GENERATOR)

    def digest(self, request: CompletionRequest) -> str:
        """See `LocalAsker`."""
        return self._asker.digest(request)

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """Completions in order. Raises what `LoadedModel.ask` does; answers until then are kept."""
        return self._asker.complete(requests, self._answer)

    def _answer(self, new: dict[str, CompletionRequest]) -> dict[str, Reply | str]:
        """Replies, or why there is none, by digest."""
        digests, replies = list(new), dict[str, Reply | str]()
        payload = WriterRequest(model=self.model, precision=self.precision, threads=self.threads)
        request = CompleteRequest(
            seeds=tuple(seed_of(digest, new[digest]) for digest in digests), requests=tuple(new.values())
        )
        for event in self.loaded.ask(payload, request):
            digest = digests[event.index]
            if isinstance(event, RequestFailed):
                replies[digest] = event.why
                continue
            replies[digest] = self._asker.keep(
                digest,
                new[digest],
                text=event.text,
                finish_reason=event.finish_reason,
                prompt_tokens=event.prompt_tokens,
                completion_tokens=event.completion_tokens,
            )
        return replies
