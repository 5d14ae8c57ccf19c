"""The child process with the model that answers for a `LocalCompleter`.

Contract: a model is loaded when the first request needs it and stays loaded for all that follow, until another model is
asked: one at a time, so that a writer and a judge need no more memory than the larger. The child ends with `close`, and
with this process however that ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.emit import AllAnswered, RequestCompleted, RequestFailed
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.errors import IncompleteError, InputError
from bench.run.process.server import Child, ChildServer, failed

KIND = "complete"


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
