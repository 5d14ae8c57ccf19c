"""Ray's private names: a cluster that is started here listens on loopback alone.

Ray has that as its own way on macOS and Windows, by a constant of the module that all others ask for a node's address.
On Linux no argument gives it: `_node_ip_address="127.0.0.1"` is replaced by the machine's address (ray 2.60).
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOOPBACK = "127.0.0.1"
"""Address of a node that Ray starts so."""


@contextmanager
def on_loopback() -> Iterator[None]:
    """Nodes that are started inside are at `LOOPBACK`, and their processes listen there alone."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before
