"""Runs one Python program apart: no network, no file that can be written, no further process, bounded time and memory.

Contract: a program passes where it ends without an exception within its limits; calling `exit` is no pass. It sees the
standard library alone. Where the system offers no such sandbox, `NoSandboxError` says so and nothing runs.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path

from bench.evals.generated.code.inside import NO_SANDBOX

SECONDS = 10
"""Wall time and processor time of one program."""
MEMORY_BYTES = 1 << 30
"""Address space of one program."""
_INSIDE = Path(__file__).with_name("inside.py")


class NoSandboxError(Exception):
    """This system does not let a process shut itself in."""


def passes(program: str, *, seconds: int = SECONDS, memory: int = MEMORY_BYTES) -> bool:
    """Whether `program` ends well. Raises `NoSandboxError`."""
    token = secrets.token_hex(16)
    task = json.dumps({"program": program, "seconds": seconds, "bytes": memory, "token": token})
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", str(_INSIDE)],
            input=task.encode(),
            capture_output=True,
            env={"PYTHONHASHSEED": "0"},
            cwd="/",
            timeout=seconds + 1,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if ended.returncode == NO_SANDBOX:
        raise NoSandboxError
    return ended.stdout == token.encode()
