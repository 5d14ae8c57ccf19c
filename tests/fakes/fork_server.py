"""The fork servers of the tests: two for all of their processes, with all imported that tests ask of one.

Imports of the libraries take more than 10 s: each child would do them alone, or each worker of pytest-xdist, or each
test after a run that failed and ended its server. What does not need them is forked from a server without them.
"""

import os
from functools import cache
from multiprocessing import forkserver, resource_tracker

import pytest

_PRELOADED = {"real": "tests.fakes.loaded", "instant": "tests.fakes.light"}
_addresses: dict[str, str] = {}


@cache
def start() -> dict[str, str]:
    """Start the servers of this process, without waiting for their imports; their addresses, for `join`."""
    return {kind: _start(kind) for kind in _PRELOADED}


def join(addresses: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    """Ask another process's servers, which end with that process, for the children of this one. What they lack is
    started when it is asked for."""
    _addresses.update(addresses)
    server = forkserver._forkserver
    patch.setattr(server, "_forkserver_address", None)
    patch.setattr(server, "_forkserver_alive_fd", os.open(os.devnull, os.O_RDONLY))
    patch.setattr(server, "ensure_running", resource_tracker.ensure_running)
    patch.setattr(forkserver, "ensure_running", resource_tracker.ensure_running)


def use_for(module: str) -> None:
    """The next children are for the work of `module`: fakes need no library that computes."""
    kind = "instant" if module.startswith("tests.fakes.") else "real"
    if kind not in _addresses:
        _addresses[kind] = _start(kind)
    forkserver._forkserver._forkserver_address = _addresses[kind]


def _start(kind: str) -> str:
    server = forkserver.ForkServer()
    server.set_forkserver_preload(["bench.run.process.collector_off", _PRELOADED[kind]])
    server.ensure_running()
    return str(server._forkserver_address)
