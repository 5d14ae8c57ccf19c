"""Files that say that a command has done the very same before: then the heavy server is not started in advance.

Contract: a hint changes no result; without it a command only takes longer, or uses a core for nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.digest import digest_json
from bench.run.process.server import ChildServer
from bench.suite.load import LoadedSuite


def hint_file(of: str, loaded: LoadedSuite, only: Sequence[str], home: Path) -> Path:
    """The file below `HOME/<of>` that is there once this suite, with these arms, was done."""
    fields = {"suite": loaded.suite.model_dump(mode="json"), "path": str(loaded.path), "only": sorted(only)}
    return home / of / digest_json(fields)


def warm_unless_done(of: str, loaded: LoadedSuite, only: Sequence[str], home: Path) -> None:
    """Start the server of children without such a file, so that its imports overlap with a command's own."""
    if not hint_file(of, loaded, only, home).exists():
        ChildServer().warm()


def leave(hint: Path) -> None:
    """Write a hint."""
    hint.parent.mkdir(parents=True, exist_ok=True)
    hint.touch()
