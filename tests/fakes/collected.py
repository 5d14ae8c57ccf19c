"""The server that pytest-xdist's workers are forked from: a fork of that of real jobs, which has collected the tests.

A worker that finds every test module imported collects them in 2 s of processor time; it would import them in 11 s.
Jobs come from the server before the fork: each would copy the page tables of the tests, too.
"""

import contextlib
import gc
import io
from collections.abc import Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from socket import socket

import pytest

from tests.fakes.forked_worker import Uncollected


def serve(tests: Sequence[str], listener: socket, alive: Connection) -> None:
    """Collect `tests` (paths), then fork for who connects, until the other end of `alive` is closed."""
    uncollected = Uncollected()
    with contextlib.redirect_stdout(io.StringIO()):  # the workers report what cannot be collected
        pytest.main(["--collect-only", "-n0", "-p", "no:cacheprovider", *tests], plugins=[uncollected])
    uncollected.forget()
    gc.collect()
    gc.freeze()
    forkserver.main(listener.detach(), alive.fileno(), [])
