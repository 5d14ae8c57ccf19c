"""The fork server of the tests: one for all of their processes, with all imported that tests ask of one.

Imports of the libraries take more than 10 s: each child would do them alone, or each worker of pytest-xdist, or each
test after a run that failed and ended its server.
"""

from __future__ import annotations

import os
from multiprocessing import forkserver, resource_tracker

import pytest

PRELOADED = "tests.fakes.loaded"


def start() -> str:
    """Start the server of this process, without waiting for its imports; the address, for `join`."""
    forkserver.set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()
    return str(forkserver._forkserver._forkserver_address)


def join(address: str, patch: pytest.MonkeyPatch) -> None:
    """Ask another process's server, which ends with that process, for the children of this one."""
    server = forkserver._forkserver
    patch.setattr(server, "_forkserver_address", address)
    patch.setattr(server, "_forkserver_alive_fd", os.open(os.devnull, os.O_RDONLY))
    patch.setattr(server, "ensure_running", resource_tracker.ensure_running)
    patch.setattr(forkserver, "ensure_running", resource_tracker.ensure_running)
