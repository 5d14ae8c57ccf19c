"""Pieces of work of one kind, each in a child of its own, at the same time."""

from collections.abc import Sequence
from pathlib import Path

from bench.run.process.server import Child, ChildServer, stop_all
from bench.spec import Spec

_TICK_SECONDS = 0.02


def side_by_side(
    server: ChildServer, kind: str, requests: Sequence[Spec], *, folder: Path, log: Path
) -> tuple[Child, ...]:
    """A child for each request, all of which have ended: each has its value, or its failure."""
    children = list[Child]()
    try:
        for request in requests:
            children.append(server.start(kind, request, folder=folder, log=log))
        while not all(child.ended() for child in children):
            for child in children:
                child.wait(_TICK_SECONDS)
    finally:
        stop_all(children)
    return tuple(children)
