"""How long vLLM took to load a base on this machine: measured by `bench engines serve`, kept below `HOME/measured`.

    python -m bench.run.estimate.speed.engine_start PORT FILE

waits until the server that its parent is about to become answers on this machine, and writes the seconds to FILE.
"""

import os
import sys
import time
from pathlib import Path

from bench.atomic import write_text
from bench.digest import digest_json
from bench.record.environment import cores, device, processor
from bench.record.files import MEASURED
from bench.spec import Spec

_BETWEEN = 0.2
"""Seconds between two questions to the server."""
_ANSWER = 5
"""Seconds that an answer to such a question may take."""


class EngineStart(Spec):
    """One start of a server."""

    seconds: float
    """From the command to the first answer."""


def start_file(home: Path, sha256: str) -> Path:
    """Where the last start with a base of this hash is kept; another device has another file."""
    return home / MEASURED / f"vllm-start-{digest_json([sha256, device(), processor(), cores()])[:16]}.json"


def start_seconds(home: Path, sha256: str) -> float | None:
    """Seconds of the last start with this base here; `None` where none was seen."""
    start = EngineStart.kept_in(start_file(home, sha256))
    return None if start is None else start.seconds


def keep_start(port: int, kept: Path, *, parent: int) -> None:
    """Write the seconds from now to the server's first answer; nothing where the process `parent` ends before."""
    started = time.monotonic()
    while not _answers(port):
        if os.getppid() != parent:
            return
        time.sleep(_BETWEEN)
    write_text(kept, EngineStart(seconds=time.monotonic() - started).model_dump_json())


def _answers(port: int) -> bool:
    from http import HTTPStatus
    from http.client import HTTPConnection, HTTPException  # plans, which ask for kept seconds, need none of it

    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    keep_start(int(sys.argv[1]), Path(sys.argv[2]), parent=os.getppid())
