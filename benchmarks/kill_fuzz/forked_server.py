"""Fork servers that are forks themselves, so that a run costs no imports."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fork_servers_from_here() -> None:
    """Fork servers become forks of the process that asks for one, which has their imports already."""
    from multiprocessing import util

    spawn = util.spawnv_passfds

    def fork(path: Any, arguments: Iterable[Any], handles: Iterable[int]) -> int:
        command = list(arguments)[-1]
        if "forkserver" not in command:
            return spawn(path, arguments, handles)
        kept = {0, 1, 2, *handles}
        pid = os.fork()
        if pid == 0:
            for handle in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
                if handle not in kept:
                    with contextlib.suppress(OSError):
                        os.close(handle)
            try:
                exec(command, {})  # noqa: S102  # what the library would have given to a fresh interpreter
            finally:
                os._exit(0)
        return pid

    util.spawnv_passfds = fork
