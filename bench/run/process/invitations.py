"""Trainings that want other nodes, as files that all nodes see: the head writes them, the others read them.

Contract: a folder belongs to one allocation and goes with its head; a head that lives renews its file there.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from bench.atomic import write_text
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.run.process.allocation import Allocation
from bench.spec import Spec

HEARTBEAT_SECONDS = 5.0
_HEAD = "head"


class Invitation(Spec):
    """One job that runs on several nodes."""

    job: Annotated[TrainJob | ProbeJob, Field(discriminator="kind")]
    folder: str
    """The job's."""
    run_id: str
    """Name of the group; another for each attempt."""
    nodes: int
    """The first so many of the allocation take part."""
    address: str
    """The head's."""
    port: int


def folder_of(home: Path, place: Allocation) -> Path:
    """Where this allocation's invitations are."""
    return home / "allocations" / "".join(letter if letter.isalnum() else "-" for letter in place.id)


@contextlib.contextmanager
def invited(folder: Path, invitation: Invitation) -> Iterator[None]:
    """Keep the invitation as long as this is entered."""
    path = folder / f"{invitation.run_id}.json"
    write_text(path, invitation.model_dump_json())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def invitations(folder: Path) -> Iterator[Invitation]:
    """Invitations that are there now."""
    for path in sorted(folder.glob("*.json")):
        if (invitation := Invitation.kept_in(path)) is not None:
            yield invitation


@contextlib.contextmanager
def hosting(folder: Path) -> Iterator[None]:
    """Be the head: what an earlier one left goes, and the file of this one is renewed until it ends."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    over = threading.Event()

    def renew() -> None:
        beats = 0
        while not over.is_set():
            beats += 1
            with contextlib.suppress(OSError):
                write_text(folder / _HEAD, str(beats))
            over.wait(HEARTBEAT_SECONDS)

    thread = threading.Thread(target=renew, name="head-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


def heartbeat(folder: Path) -> str | None:
    """What the head wrote last; `None` where there is no head."""
    try:
        return (folder / _HEAD).read_text()
    except OSError:
        return None
