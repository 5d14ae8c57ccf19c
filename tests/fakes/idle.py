"""A fork server whose worker leaves a module for later: `python -m tests.fakes.idle` ends once a child finds it."""

import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection

from bench.run.process import idle_imports

_LATER = "colorsys"
idle_imports.LATER.append(_LATER)


def tell(told: Connection) -> None:
    """What a child finds."""
    told.send(_LATER in sys.modules)


def main() -> None:
    """Ask for children until the server has had nothing to do."""
    from tests.fakes.idle import tell  # by the name that the server has it under

    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.fakes.idle"])
    found = False
    while not found:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=tell, args=(theirs,))
        child.start()
        found = ours.recv()
        child.join()


if __name__ == "__main__":
    main()
