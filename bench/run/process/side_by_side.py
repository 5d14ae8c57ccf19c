"""Pieces of work of one kind, each in a child of its own, at the same time."""

from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path

from bench.errors import InputError
from bench.run.process.server import Child, ChildServer, error_of, failed, stop_all
from bench.spec import Spec

_TICK_SECONDS = 1.0


def side_by_side(
    server: ChildServer, kind: str, requests: Sequence[Spec], *, folder: Path, log: Path
) -> tuple[Child, ...]:
    """A child for each request, all of which have ended: each has its value, or its failure."""
    children = list[Child]()
    try:
        for request in requests:
            children.append(server.start(kind, request, folder=folder, log=log))
        while working := [child for child in children if not child.ended()]:
            wait([waitable for child in working for waitable in child.waitables], timeout=_TICK_SECONDS)
            for child in working:
                list(child.messages())
            server.tick()
    finally:
        stop_all(children)
    return tuple(children)


def raise_failures(kind: str, children: Sequence[Child], log: Path) -> None:
    """Raises `InputError` with the problems of all children that refused, else what became of the first that failed."""
    problems = [problem for child in children for problem in child.problems]
    if problems:
        raise InputError(dict.fromkeys(problems))
    for child in children:
        if child.failure is not None:
            raise error_of(failed(kind, child.failure, log), child.failure)
