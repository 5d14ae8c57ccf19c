"""The fork servers of the tests: two for all of their processes, with all imported that tests ask of one, and one for
the workers that run them.

Imports of the libraries take more than 10 s: each child would do them alone, or each worker of pytest-xdist, or each
test after a run that failed and ended its server. What does not need them is forked from a server without them.
"""

import os
from collections.abc import Callable, Sequence
from multiprocessing import forkserver, get_context, resource_tracker
from multiprocessing.connection import Connection, arbitrary_address
from socket import AF_UNIX, socket
from typing import Any

_PRELOADED = {"real": "tests.fakes.loaded", "instant": "tests.fakes.light"}
_addresses: dict[str, str] = {}
_held: list[Connection] = []
"""What ends a server once it is closed."""


def start(tests: Sequence[str]) -> dict[str, str]:
    """Start the servers of a run of `tests` (paths); their addresses, for `join`.

    Its workers are forked from "collected", which is a fork of the server of real jobs.
    """
    started = {kind: _start(module) for kind, module in _PRELOADED.items()}
    join(started, setattr)
    use_for("real")
    return {**started, "collected": _collecting(tests)}


def _collecting(tests: Sequence[str]) -> str:
    """Address of the server that has collected `tests`; it ends with this process."""
    from tests.fakes.collected import serve

    address = arbitrary_address("AF_UNIX")
    alive, ours = get_context("forkserver").Pipe(duplex=False)
    with socket(AF_UNIX) as listener, alive:
        listener.bind(address)
        listener.listen()
        get_context("forkserver").Process(target=serve, args=(tests, listener, alive), daemon=True).start()
    _held.append(ours)
    return address


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
