"""What a subject gave to each request of an eval, so that more examples cost only themselves.

Contract: a request is known by its content, and gets the reply that it had before, to the last bit; what was not finite
is asked again. Replies of one subject, precision, machine and code are in one file, which the caller names; it is
written whole or not at all. Without a file nothing is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from bench.atomic import write_text
from bench.digest import digest_json

SubjectRequest = TypeVar("SubjectRequest", bound=Hashable)
SubjectReply = TypeVar("SubjectReply")


class ReplyKind(Generic[SubjectRequest, SubjectReply]):
    """One kind of request: its name, how its content is put as JSON, and the type of its replies."""

    def __init__(self, name: str, content: Callable[[SubjectRequest], Any], reply: Any) -> None:
        self._name, self._content = name, content
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


class ReplyMemory:
    """Replies by request."""

    def __init__(self, path: Path | None = None) -> None:
        """path: of the file, which need not be there yet; `None` remembers nothing."""
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
        self._replies: dict[str, Any] = dict(json.loads(line) for line in lines)
        self._asked = self._recalled = 0

    @property
    def recalled_share(self) -> float:
        """Share of the requests whose reply was there."""
        return self._recalled / self._asked if self._asked else 0.0

    def through(
        self,
        kind: ReplyKind[SubjectRequest, SubjectReply],
        requests: Sequence[SubjectRequest],
        compute: Callable[[list[SubjectRequest]], Sequence[SubjectReply]],
        *,
        is_reply: Callable[[SubjectReply], bool],
        recalled: Callable[[int], None] = lambda _: None,
    ) -> list[SubjectReply]:
        """Replies in the order of `requests`: those that are known, and what `compute` gives for all others.

        is_reply: whether a reply is one, and is kept. recalled: hears how many distinct requests were known, if any.
        """
        if self._path is None:
            return list(compute(list(requests)))
        keys = [kind.key(request) for request in requests]
        known = [key in self._replies for key in keys]
        new = [request for request, there in zip(requests, known, strict=True) if not there]
        if count := len({key for key, there in zip(keys, known, strict=True) if there}):
            recalled(count)
        computed = iter(compute(new) if new else ())
        replies = [
            kind.load(self._replies[key]) if there else next(computed) for key, there in zip(keys, known, strict=True)
        ]
        self._replies |= {
            key: kind.dump(reply)
            for key, there, reply in zip(keys, known, replies, strict=True)
            if not there and is_reply(reply)
        }
        self._asked, self._recalled = self._asked + len(requests), self._recalled + sum(known)
        return replies

    def save(self) -> None:
        """Write the file."""
        if self._path is not None:
            write_text(self._path, "".join(f"{json.dumps(item)}\n" for item in self._replies.items()))
