"""What a subject gave to each request of an eval, so that more examples cost only themselves.

Contract: a request is known by its content, and gets the reply that it had before, to the last bit; what was not finite
is asked again. Replies of one subject, precision, machine and code are in one file, which the caller names; it is
written whole or not at all. Without a file nothing is remembered but what a job that was stopped had computed.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.evals.inference.partial_replies import (
    FinishedReplies,
    PartialReplies,
    ReplyKind,
    SubjectReply,
    SubjectRequest,
)


class ReplyMemory:
    """Replies by request."""

    def __init__(self, path: Path | None = None, partial: PartialReplies | None = None) -> None:
        """path: of the file, which need not be there yet; `None` remembers nothing. partial: of the job itself."""
        self._path = path
        self._partial = PartialReplies() if partial is None else partial
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
        self._replies: dict[str, Any] = dict(json.loads(line) for line in lines)
        self._asked = self._recalled = 0

    @property
    def recalled_share(self) -> float:
        """Share of the requests whose reply was there."""
        return (self._recalled + self._partial.used) / self._asked if self._asked else 0.0

    def through(
        self,
        kind: ReplyKind[SubjectRequest, SubjectReply],
        requests: Sequence[SubjectRequest],
        compute: Callable[
            [list[SubjectRequest], FinishedReplies[SubjectRequest, SubjectReply]], Sequence[SubjectReply]
        ],
        *,
        is_reply: Callable[[SubjectReply], bool],
        recalled: Callable[[int], None] = lambda _: None,
    ) -> list[SubjectReply]:
        """Replies in the order of `requests`: those that are known, and what `compute` gives for all others, of which
        some may be finished already.

        is_reply: whether a reply is one, and is kept. recalled: hears how many distinct requests were known, if any.
        """
        finished = self._partial.of(kind, is_reply)
        if self._path is None:
            self._asked += len(requests)
            return list(compute(list(requests), finished))
        keys = [kind.key(request) for request in requests]
        known = [key in self._replies for key in keys]
        new = [request for request, there in zip(requests, known, strict=True) if not there]
        if count := len({key for key, there in zip(keys, known, strict=True) if there}):
            recalled(count)
        computed = iter(compute(new, finished) if new else ())
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
