"""Replies of one eval job while it goes on, so that a job that was killed resumes after its last batch; or of the jobs
that its questions were shared out over.

Contract: the file is append-only, one line for each reply with a digest of its content; a line that is torn or altered
is none. What computes in batches skips a batch whose replies are all there, so that the others are the same batches as
in a job that was never stopped, to the last bit. Without a file nothing is kept. Questions are shared out batch by
batch for the same reason; what no share has is computed by the eval itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from bench.digest import digest_json
from bench.record.jobs.eval_job import QuestionShare

SubjectRequest = TypeVar("SubjectRequest", bound=Hashable)
SubjectReply = TypeVar("SubjectReply")
_CHECK = 16
"""Characters of a line's digest."""


class ReplyKind(Generic[SubjectRequest, SubjectReply]):
    """One kind of request: its name, how its content is put as JSON, and the type of its replies."""

    def __init__(
        self, name: str, content: Callable[[SubjectRequest], Any], reply: Any, *, placeholder: SubjectReply
    ) -> None:
        """placeholder: in place of the replies that another share computes; nobody reads what is made of it."""
        self._name, self._content, self.placeholder = name, content, placeholder
        self._adapter: TypeAdapter[SubjectReply] = TypeAdapter(reply)

    def key(self, request: SubjectRequest) -> str:
        """The request by its content."""
        return digest_json([self._name, self._content(request)])

    def dump(self, reply: SubjectReply) -> Any:
        """The reply as a JSON value."""
        return self._adapter.dump_python(reply, mode="json")

    def load(self, value: Any) -> SubjectReply:
        """The reply that `dump` gave."""
        return self._adapter.validate_python(value)


class PartialReplies:
    """The file of one job."""

    def __init__(
        self, path: Path | None = None, *, share: QuestionShare | None = None, shares: Sequence[Path] = ()
    ) -> None:
        """share: what is left to this job; `None`: all. shares: finished files of the jobs that had the shares."""
        self.path, self.share = path, share
        files = [*shares, *(() if path is None else (path,))]
        self.replies: dict[str, Any] = {
            key: reply for file in files if file.exists() for key, reply in _read(file).items()
        }
        """By key of the request."""
        self.used = 0
        """Requests whose reply was there."""

    def of(
        self, kind: ReplyKind[SubjectRequest, SubjectReply], is_reply: Callable[[SubjectReply], bool]
    ) -> FinishedReplies[SubjectRequest, SubjectReply]:
        """The replies to one kind of request; of new ones those are kept of which `is_reply` holds."""
        return FinishedReplies(self, kind, is_reply)

    def append(self, items: Sequence[tuple[str, Any]]) -> None:
        """Keep replies by key; they are in the file before anything else is computed."""
        if self.path is None or not items:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps([digest_json([key, value])[:_CHECK], key, value]) for key, value in items]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"\n{line}" for line in lines))  # a line of its own, whatever was torn before it


class FinishedReplies(Generic[SubjectRequest, SubjectReply]):
    """What a job that was stopped had computed of one kind of request, and what this one adds."""

    def __init__(
        self,
        partial: PartialReplies,
        kind: ReplyKind[SubjectRequest, SubjectReply],
        is_reply: Callable[[SubjectReply], bool],
    ) -> None:
        self._partial, self._kind, self._is_reply = partial, kind, is_reply
        self._batches = 0
        """Batches so far, which shares take in turn."""

    def get(self, requests: Sequence[SubjectRequest]) -> list[SubjectReply] | None:
        """The replies to all of `requests`, which are computed together; `None` where one is not there."""
        self._batches += 1
        if self._is_left_to_others():
            return [self._kind.placeholder] * len(requests)
        if not self._partial.replies:
            return None
        values = [self._partial.replies.get(self._kind.key(request)) for request in requests]
        if any(value is None for value in values):
            return None
        self._partial.used += len(values)
        return [self._kind.load(value) for value in values]

    def _is_left_to_others(self) -> bool:
        share = self._partial.share
        return share is not None and self._batches % share.shares != share.number % share.shares

    def add(self, replies: Iterable[tuple[SubjectRequest, SubjectReply]]) -> None:
        """Keep what was computed together."""
        if self._partial.path is not None:
            kept = [(request, reply) for request, reply in replies if self._is_reply(reply)]
            self._partial.append([(self._kind.key(request), self._kind.dump(reply)) for request, reply in kept])


def nothing_finished() -> FinishedReplies[Any, Any]:
    """For what is computed outside of a job: nothing is there, and nothing is kept."""
    return PartialReplies().of(ReplyKind("nothing", lambda request: request, object, placeholder=None), lambda _: False)


def _read(path: Path) -> dict[str, Any]:
    replies: dict[str, Any] = {}
    for line in path.read_bytes().splitlines():
        try:
            check, key, value = json.loads(line)
        except ValueError:  # torn
            continue
        if check == digest_json([key, value])[:_CHECK]:
            replies[key] = value
    return replies
