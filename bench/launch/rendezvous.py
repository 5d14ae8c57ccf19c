"""Where the agents of a training's nodes find each other: a store on the head's own address, in a known order.

torch's own rendezvous listens on every address of the machine and, of several nodes, gives rank 0 to any. Here the head
has rank 0, because its first process reports the training's events, and its store is bound to one address.
"""

import socket
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # torch exports both by name
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)

from bench.run.process.failure_report import JobFailedError

BACKEND = "bench"
"""Name of this rendezvous in torch's registry."""
LOOPBACK = "127.0.0.1"
_WAIT = timedelta(minutes=5)
"""For the other nodes to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlace:
    """One node among those of a training, and where its head listens."""

    node: int = 0
    """0: the head."""
    nodes: int = 1
    address: str = LOOPBACK
    """The head's."""
    port: int = 0
    """The head's; 0: not known yet."""


class Listener:
    """A port of the head's that is bound before its number is passed on."""

    def __init__(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.bind((address, 0))
        self.socket.listen(1024)
        self.port: int = self.socket.getsockname()[1]


@dataclass(kw_only=True)
class FixedRendezvous(RendezvousHandler):
    """torch's protocol for a group whose nodes and their order are known."""

    place: NodePlace
    run_id: str
    listener: Listener | None
    """`None` on every node but the head."""
    _store: TCPStore | None = field(default=None, init=False)

    def get_backend(self) -> str:
        """The registry's name."""
        return BACKEND

    @property
    def use_agent_store(self) -> bool:
        """Processes meet in the agents' store, so that nothing else listens."""
        return True

    def next_rendezvous(self) -> RendezvousInfo:
        """The group, once all nodes are there. Raises `JobFailedError` where one does not come."""
        place = self.place
        bound = None if self.listener is None else self.listener.socket.detach()
        try:
            self._store = TCPStore(
                place.address, place.port, is_master=bound is not None, timeout=_WAIT,
                wait_for_workers=False, master_listen_fd=bound,
            )  # fmt: skip
            group = PrefixStore(self.run_id, self._store)
            group.set(f"node/{place.node}", "here")
            group.wait([f"node/{node}" for node in range(place.nodes)], _WAIT)
        except RuntimeError as error:  # torch's connection errors among them
            waited = f"{place.nodes} nodes were not all at {place.address} within {_WAIT.seconds // 60} minutes"
            raise JobFailedError("unavailable", waited) from error
        info = RendezvousStoreInfo(place.address, place.port)
        return RendezvousInfo(group, place.node, place.nodes, info)

    def is_closed(self) -> bool:
        """Never: the group is not formed again."""
        return False

    def set_closed(self) -> None:
        """Nothing to close."""

    def num_nodes_waiting(self) -> int:
        """None ever joins later."""
        return 0

    def get_run_id(self) -> str:
        """Name of the group."""
        return self.run_id

    def shutdown(self) -> bool:
        """Nothing to end: the store goes with the agent."""
        return True


def _create(parameters: RendezvousParameters) -> RendezvousHandler:
    config: dict[str, Any] = parameters.config
    return FixedRendezvous(place=config["place"], run_id=parameters.run_id, listener=config["listener"])


rendezvous_handler_registry.register(BACKEND, _create)
