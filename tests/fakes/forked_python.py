"""`python SCRIPT …` or `python -c TEXT` of an environment that a test makes up, as a fork of the server that has the
libraries imported.

It costs a tenth of a fresh interpreter, which would import them for 5 s. The program that is started hands its input,
output, folder and variables to the fork, and ends as that does.
"""

import os
import runpy
import shlex
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fakes import fork_server

_ROOT = Path(__file__).parent.parent.parent


def write(python: Path, packages: Path) -> None:
    """Write the executable `python`, which finds what is in the folder `packages`."""
    line = f"import sys; sys.path[0] = {str(_ROOT)!r}; from tests.fakes.forked_python import main; main()"
    words = (sys.executable, "-c", line, fork_server.address("real"), str(packages))
    python.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    python.chmod(0o755)


def main() -> None:
    """Run the script or text, without other options of Python, in a fork of the server whose address is the first
    word."""
    _, address, packages, *words = sys.argv
    fork_server.join({"real": address}, setattr)
    fork_server.use_for("real")
    script = [word for word in words if word != "-P"]  # its folder is not on the path
    streams = [Connection(os.dup(number), readable=number == 0, writable=number > 0) for number in range(3)]
    arguments = (script, packages, Path.cwd(), dict(os.environ), streams)
    process = get_context("forkserver").Process(target=_execute, args=arguments)
    process.start()
    process.join()
    sys.exit(process.exitcode)


def _execute(
    script: list[str], packages: str, folder: Path, environment: dict[str, str], streams: list[Connection]
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = open(0)  # noqa: SIM115
    sys.stdout, sys.stderr = open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, packages)
    if script[0] == "-c":
        sys.argv = ["-c", *script[2:]]
        exec(script[1], {"__name__": "__main__"})  # noqa: S102 - the test's own text
    else:
        sys.argv = script
        runpy.run_path(script[0], run_name="__main__")
