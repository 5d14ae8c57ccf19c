"""The fork servers of the tests: two for all of their processes, with all imported that tests ask of one.

Imports of the libraries take more than 10 s: each child would do them alone, or each worker of pytest-xdist, or each
test after a run that failed and ended its server. What does not need them is forked from a server without them.
"""

import json
import os
from collections.abc import Callable, Sequence
from multiprocessing import forkserver, resource_tracker
from typing import Any

_PRELOADED = {"real": "tests.fakes.loaded", "instant": "tests.fakes.light"}
_addresses: dict[str, str] = {}


def start(tests: Sequence[str]) -> dict[str, str]:
    """Start the servers of a run of `tests` (paths), without waiting for their imports; their addresses, for `join`.

    Its workers are forked from the server of real jobs, which has collected the tests.
    """
    os.environ["TESTS_TO_COLLECT"] = json.dumps(list(tests))
    return {"real": _start("tests.fakes.collected"), "instant": _start(_PRELOADED["instant"])}


def join(addresses: dict[str, str], put: Callable[[Any, str, Any], None]) -> None:
    """Ask another process's servers, which end with that process, for the children of this one. What they lack is
    started when it is asked for. `put` sets an attribute: `setattr`, or one that is undone."""
    _addresses.update(addresses)
    server = forkserver._forkserver
    put(server, "_forkserver_address", None)
    put(server, "_forkserver_alive_fd", os.open(os.devnull, os.O_RDONLY))
    put(server, "ensure_running", resource_tracker.ensure_running)
    put(forkserver, "ensure_running", resource_tracker.ensure_running)


def use_for(module: str) -> None:
    """The next children are for the work of `module`: fakes need no library that computes."""
    kind = "instant" if module.startswith("tests.fakes.") else "real"
    forkserver._forkserver._forkserver_address = address(kind)


def address(kind: str) -> str:
    """Of the server of "real" or of "instant" work, which is started where there is none."""
    if kind not in _addresses:
        _addresses[kind] = _start(_PRELOADED[kind])
    return _addresses[kind]


def _start(preloaded: str) -> str:
    server = forkserver.ForkServer()
    server.set_forkserver_preload(["bench.run.process.collector_off", preloaded])
    server.ensure_running()
    return str(server._forkserver_address)
