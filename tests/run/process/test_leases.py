"""Leases: one owner at a time, a silent one is succeeded, and no clock of another machine is asked."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from bench.run.display import QuietDisplay
from bench.run.process import leases
from bench.run.process.leases import EXPIRY_SECONDS, Lease, try_lease
from bench.run.process.locks import LOCKS
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from tests.fakes.orders import ORDERS
from tests.fakes.suites import fake_suite, worked


class Clock:
    """A looker's clock, set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class NoThread:
    """Renews nothing by itself, and ends nobody."""

    def keep(self, lease: Lease) -> None: ...

    def forget(self, lease: Lease) -> None: ...


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(leases, "time", clock)
    monkeypatch.setattr(leases, "_RENEWER", NoThread())
    return clock


def taken(path: Path) -> Lease:
    lease = try_lease(path)
    assert lease is not None
    return lease


def test_a_lease_has_one_owner_and_is_free_once_it_is_given_up(tmp_path: Path, clock: Clock) -> None:
    lease = taken(tmp_path / "lock")
    assert try_lease(tmp_path / "lock") is None
    lease.release()
    taken(tmp_path / "lock").release()
    assert len(list((tmp_path / "lock.lease").iterdir())) == 1, "what was superseded is removed"


def looked(path: Path, clock: Clock, *, seconds: float) -> Lease | None:
    """What a looker has after some time, with a look every five seconds."""
    for _ in range(round(seconds / 5)):
        clock.now += 5
        if (lease := try_lease(path)) is not None:
            return lease
    return None


def test_only_silence_by_the_lookers_own_clock_ends_a_lease(tmp_path: Path, clock: Clock) -> None:
    """Times of files are those of a server, and may be years from this machine's."""
    path = tmp_path / "lock"
    lease = taken(path)
    os.utime(tmp_path / "lock.lease" / "1", (0, 0))
    assert try_lease(path) is None
    assert looked(path, clock, seconds=EXPIRY_SECONDS) is None
    lease.renew()
    assert looked(path, clock, seconds=5 + EXPIRY_SECONDS) is None
    successor = looked(path, clock, seconds=5)
    assert lease.superseded
    lease.renew()
    lease.release()
    assert not successor.superseded
    assert try_lease(path) is None, "what the first owner does late changes nothing"


def test_a_looker_that_was_stopped_itself_does_not_take_its_pause_for_silence(tmp_path: Path, clock: Clock) -> None:
    """A machine that stood still for minutes: owner and looker go on at the same time."""
    taken(tmp_path / "lock")
    assert try_lease(tmp_path / "lock") is None
    clock.now += 100 * EXPIRY_SECONDS
    assert try_lease(tmp_path / "lock") is None
    assert looked(tmp_path / "lock", clock, seconds=EXPIRY_SECONDS) is not None


def test_an_owner_that_was_succeeded_ends_its_process(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *asked: killed.append(asked))
    lease = taken(tmp_path / "lock")
    leases._renew_or_end(lease)
    assert (killed, lease.renewals) == ([], 1)
    assert looked(tmp_path / "lock", clock, seconds=2 * EXPIRY_SECONDS) is not None
    leases._renew_or_end(lease)
    assert killed == [(os.getpid(), signal.SIGTERM)]
    assert "another process took it over" in capfd.readouterr().err


def test_of_many_that_want_an_expired_lease_one_gets_it(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "lock"
    taken(path)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            assert looked(path, clock, seconds=EXPIRY_SECONDS) is None
            clock.now += 10
            owners = [lease for lease in pool.map(try_lease, [path] * 8) if lease is not None]
            assert sum(not lease.superseded for lease in owners) == len(owners) == 1


def test_a_number_that_was_left_behind_gives_no_lease(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A looker that was stopped after its look creates the number after the one that it saw, which is free again."""
    taken(tmp_path / "lock").release()
    looked = leases._highest(tmp_path / "lock.lease")
    taken(tmp_path / "lock").release()
    owner = taken(tmp_path / "lock")
    late = leases._create(owner.folder, looked + 1)
    assert late.superseded
    assert not owner.superseded


# Two runs of one suite on one home.

QUICK = "tests.fakes.quick_leases"


def run(root: str, reports: str) -> None:
    """One run, with leases that are renewed and end quickly."""
    os.environ[LOCKS] = "leases"
    __import__(QUICK)
    home = Path(root) / "home"
    suite = fake_suite(Path(root), seeds=(0,), recipe=recipes(Path(root)), run={"workers": 2, "probe_steps": 0})
    run_suite(
        suite, home=home, reports=Path(root) / reports, display=QuietDisplay(), server=ChildServer(module=QUICK),
        go_on=True,
    )  # fmt: skip


def recipes(root: Path) -> dict[str, dict[str, object]]:
    rate = ORDERS["hang"] if (root / "hangs").exists() else 1e-3
    return {"full": {"method": "full", "learning_rate": rate}, "lora": {"method": "lora", "learning_rate": 1e-3}}


def started(root: Path, reports: str) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=run, args=(str(root), reports))
    process.start()
    return process


def test_two_runs_on_one_home_do_no_job_twice_and_a_killed_ones_lease_is_taken_over(tmp_path: Path) -> None:
    """A training of the first hangs until its second attempt, and the second run does the rest meanwhile."""
    (tmp_path / "hangs").touch()
    first = started(tmp_path, "one")
    try:
        while "train:few/full#0" not in worked(tmp_path / "home"):
            assert first.is_alive()
            time.sleep(0.05)
        second = started(tmp_path, "two")
        while len(list((tmp_path / "home" / "jobs").glob("*/manifest.json"))) < 5:  # all that does not need it
            assert first.is_alive()
            time.sleep(0.05)
    finally:
        first.kill()
    second.join()
    assert second.exitcode == 0
    times = Counter(worked(tmp_path / "home"))
    assert times.pop("train:few/full#0") == 2
    assert len(times) == 7  # another training, and three subjects on two evals
    assert set(times.values()) == {1}
    assert not list((tmp_path / "home" / "jobs").glob("*/checkpoint"))
