"""Workers of pytest-xdist that are forked from the server that has collected the tests (`tests.fakes.collected`).

pytest-xdist speaks with a worker through the pipes of a Python process that it starts. The process that it starts here
hands its pipes to a fork of the server, and waits for its end.
"""

import os
import shlex
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fakes import fork_server

_ROOT = Path(__file__).parent.parent.parent


class Uncollected:
    """Plugin of pytest that remembers which files or folders could not be collected, or ask to be skipped."""

    def __init__(self) -> None:
        self.places: set[Path] = set()

    def pytest_collectreport(self, report: Any) -> None:
        """Its id is a path from the root."""
        if not report.passed:
            self.places.add(_ROOT / report.nodeid)

    def forget(self) -> None:
        """Have them imported again, where they are reported: pytest leaves a half imported module in `sys.modules`."""
        for name, module in list(sys.modules.items()):
            file = Path(getattr(module, "__file__", None) or os.devnull)
            if self.places.intersection((file, *file.parents)):
                del sys.modules[name]


def command(address: str) -> str:
    """Command line in place of `python`, for a worker from the fork server at an address."""
    start = f"import sys; sys.path[0] = {str(_ROOT)!r}; from tests.fakes.forked_worker import main; main()"
    return shlex.join([sys.executable, "-c", start, address])


def main() -> None:
    """`python -u -c LINE`, with LINE executed in a fork of the server."""
    address, line = sys.argv[1], sys.argv[-1]
    fork_server.join({"real": address}, setattr)
    fork_server.use_for("real")
    reader, writer = Connection(os.dup(0), writable=False), Connection(os.dup(1), readable=False)
    process = get_context("forkserver").Process(target=_execute, args=(line, reader, writer))
    process.start()
    process.join()
    sys.exit(process.exitcode)


def _execute(line: str, reader: Connection, writer: Connection) -> None:
    os.dup2(reader.fileno(), 0)
    os.dup2(writer.fileno(), 1)
    reader.close()
    writer.close()
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    exec(line, {"__name__": "__main__"})  # noqa: S102 - the line is execnet's own
