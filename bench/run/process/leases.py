"""Leases for file systems without locks: a file that its owner renews, and that counts until nobody does.

Contract: at most one process owns a lease. A lease is a folder of numbered files, of which the highest counts; to take
it over means to be the one that creates the next number, which a hard link does for one process alone, on network
mounts too. Nothing but superseded files is ever removed, so that no two removals can cross. A lease has expired where
its content did not change for `EXPIRY_SECONDS` of the looker's own clock: clocks of two machines are never compared,
and a pause of the looker itself counts as one renewal's time, for it says nothing of the owner. An owner that did not
run for so long finds a higher number, and ends its process before it writes anything more.
"""

import contextlib
import os
import secrets
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

RENEW_SECONDS = 10.0
"""Between signs of life of an owner."""
EXPIRY_SECONDS = 90.0
"""Without a sign of life a lease is free: of a process that is kept from running it takes nine in a row."""
_FREE = "free"
_WIDTH = 64
"""Bytes of a file, so that each write replaces the one before."""


@dataclass(slots=True, kw_only=True)
class Lease:
    """One owned lease. Its file is written through one open handle, which no taker can turn to another file."""

    folder: Path
    number: int
    owner: str
    handle: int
    renewals: int = 0

    @property
    def superseded(self) -> bool:
        """Whether another process took it over."""
        return _highest(self.folder) > self.number

    def renew(self) -> None:
        """Give a sign of life."""
        self.renewals += 1
        _write(self.handle, f"{self.owner} {self.renewals}")

    def release(self) -> None:
        """Let anybody have it at once."""
        _RENEWER.forget(self)
        _write(self.handle, _FREE)
        os.close(self.handle)


def try_lease(path: Path) -> Lease | None:
    """The lease at `path`; `None` while another process has it. Raises `OSError` where files cannot be linked."""
    folder = path.with_name(f"{path.name}.lease")
    folder.mkdir(parents=True, exist_ok=True)
    highest = _highest(folder)
    if highest and not _is_free(folder / str(highest)):
        return None
    lease = _create(folder, highest + 1)
    if lease is None:
        return None
    if lease.superseded:  # it was created under a number that had been left behind
        os.close(lease.handle)
        return None
    for old in _numbers(folder):
        if old < lease.number:
            (folder / str(old)).unlink(missing_ok=True)
    _RENEWER.keep(lease)
    return lease


def _create(folder: Path, number: int) -> Lease | None:
    owner = secrets.token_hex(8)
    unnamed = folder / f".{owner}"
    handle = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _write(handle, f"{owner} 0")
        os.link(unnamed, folder / str(number))
    except FileExistsError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    finally:
        unnamed.unlink(missing_ok=True)
    return Lease(folder=folder, number=number, owner=owner, handle=handle)


def _numbers(folder: Path) -> list[int]:
    return [int(file.name) for file in folder.iterdir() if file.name.isdigit()]


def _highest(folder: Path) -> int:
    return max(_numbers(folder), default=0)


def _write(handle: int, text: str) -> None:
    os.pwrite(handle, text.ljust(_WIDTH).encode(), 0)
    os.fsync(handle)


@dataclass(slots=True, kw_only=True)
class _Look:
    """What this process has seen of another's lease."""

    content: bytes
    at: float
    silent: float = 0.0
    """Seconds without a change."""


_looks: dict[Path, _Look] = {}


def _is_free(file: Path) -> bool:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return False  # superseded meanwhile
    if content.strip() == _FREE.encode():
        return True
    look, now = _looks.get(file), time.monotonic()
    if look is None or look.content != content:
        _looks[file] = _Look(content=content, at=now)
        return False
    look.silent += min(now - look.at, RENEW_SECONDS)
    look.at = now
    return look.silent > EXPIRY_SECONDS


@dataclass(slots=True)
class _Renewer:
    """Renews all leases of this process, in one thread, which the first lease starts."""

    leases: list[Lease] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    process: int = 0
    """The process that the thread is in: a fork has none."""

    def keep(self, lease: Lease) -> None:
        with self.lock:
            if self.process != os.getpid():
                self.process, self.leases = os.getpid(), []
                threading.Thread(target=self._renew_for_ever, name="leases", daemon=True).start()
            self.leases.append(lease)

    def forget(self, lease: Lease) -> None:
        with self.lock, contextlib.suppress(ValueError):
            self.leases.remove(lease)

    def _renew_for_ever(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self.lock:
                for lease in self.leases:
                    _renew_or_end(lease)


def _renew_or_end(lease: Lease) -> None:
    """Renew the lease; where it was taken over, end this process, which would write into another's folder."""
    try:
        lost = lease.superseded
        if not lost:
            lease.renew()
    except OSError:  # the mount is away: whoever takes the lease over is seen later
        return
    if lost:
        sys.stderr.write(f"{lease.folder}: not renewed for too long, so another process took it over; ending\n")
        os.kill(os.getpid(), signal.SIGTERM)


_RENEWER = _Renewer()
