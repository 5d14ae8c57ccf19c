"""What `bench run` does on every node but the head's: it takes part in the trainings that want this node.

Contract: starts nothing of its own and writes no record; ends with the head, or where the head is silent for a minute.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.run.process.allocation import Allocation
from bench.run.process.invitations import Invitation, folder_of, heartbeat, invitations
from bench.run.process.server import ChildServer

_POLL_SECONDS = 0.5
_SECONDS_FOR_HEAD = 600.0
"""For the head to begin: it may be downloading."""
_SILENCE_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class _Head:
    """The head's sign of life, by this machine's clock alone."""

    folder: Path
    since: float = field(default_factory=time.monotonic)
    last: str | None = None
    seen: bool = False

    def alive(self) -> bool:
        """Whether to go on waiting for it."""
        now, beat = time.monotonic(), heartbeat(self.folder)
        if beat is None:
            return not self.seen and now - self.since < _SECONDS_FOR_HEAD
        if beat != self.last:
            self.last, self.since, self.seen = beat, now, True
        return now - self.since < _SILENCE_SECONDS


def take_part(place: Allocation, *, home: Path, server: ChildServer, note: Callable[[str], None]) -> int:
    """Take part until the head ends. Number of trainings that this node took part in."""
    folder, taken = folder_of(home, place), set[str]()
    head = _Head(folder=folder)
    note(f"node {place.node + 1} of {place.nodes}: waiting for trainings of the head")
    while head.alive():
        for invitation in invitations(folder):
            if invitation.run_id not in taken and place.node < invitation.nodes:
                taken.add(invitation.run_id)
                note(f"node {place.node + 1} of {place.nodes}: {invitation.job.id}")
                _join(invitation, place, home=home, server=server)
        time.sleep(_POLL_SECONDS)
    return len(taken)


def _join(invitation: Invitation, place: Allocation, *, home: Path, server: ChildServer) -> None:
    """Wait for this node's part. Its failure is the head's to report."""
    log = home / "logs" / f"node{place.node}.txt"
    child = server.start("join", invitation, folder=Path(invitation.folder), log=log)
    try:
        while not child.ended():
            child.wait(_POLL_SECONDS)
    finally:
        child.stop()
