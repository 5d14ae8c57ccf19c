"""Replies on disk, one JSON file each, named by the digest of what was asked. Whole or absent; never changed."""

from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.endpoint.completion import Reply
from bench.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCache:
    """Stored replies under `folder`, which is created with the first reply. Safe for several threads and processes."""

    folder: Path

    def get(self, digest: str) -> Reply | None:
        """The reply stored under `digest`; `None` where there is none that can be read."""
        reply = Reply.kept_in(self._path(digest))
        return reply if reply is not None and reply.digest == digest else None

    def put(self, reply: Reply) -> None:
        """Stores a reply. Raises `InputError` where the folder cannot be written, so that no paid reply is lost."""
        try:
            write_text(self._path(reply.digest), reply.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise InputError(
                Problem(
                    reference="home.not-writable",
                    what=f"a reply cannot be stored: {error.strerror or error}",
                    where=str(self.folder),
                    hint="free some space, or set BENCH_HOME to a folder that can be written",
                )
            ) from error

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.json"
