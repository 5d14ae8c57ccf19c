"""What a job that runs is held to, and what is noted of it: its own seconds, not those that it waited for others."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bench.emit import ReadyForTurn
from bench.record.jobs.train_job import ProbeJob
from bench.run.executors.local import HERE
from bench.run.plan.plan import plan
from bench.run.plan.types import PlannedJob
from bench.run.resolve.suite import resolve
from bench.run.scheduling import running
from bench.run.scheduling.running import Running
from bench.suite.tables.suite import Limits
from tests.fakes.suites import fake_suite


@dataclass(slots=True)
class Work:
    """A child on this machine that has run as long as the clock says."""

    clock: "Clock"
    node: str = HERE
    pid: None = None
    told: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since the clock's 0."""
        return self.clock.now

    def give_turn(self) -> None:
        """Noted."""
        self.told.append("turn")

    def kill(self) -> None:
        """Noted."""
        self.told.append("kill")


@dataclass(slots=True)
class Clock:
    """Stands still."""

    now: float = 0.0

    def monotonic(self) -> float:
        """What it was set to."""
        return self.now


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> PlannedJob:
    root = tmp_path_factory.mktemp("probe")
    planned = plan(resolve(fake_suite(root), home=root / "home"), home=root / "home")
    return next(one for one in planned.jobs if isinstance(one.job, ProbeJob))


def begun(job: PlannedJob, clock: Clock) -> tuple[Running, Work]:
    work: Any = Work(clock)
    return Running(job=job, work=work, lock=None, started="", clock=0.0), work  # type: ignore[arg-type]  # nobody locks


def test_the_wait_for_a_turn_is_in_no_limit_and_in_no_seconds(
    probe: PlannedJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forecast would take the wait of one probe, which is the work of another, for work."""
    clock = Clock()
    monkeypatch.setattr(running, "time", clock)
    one, work = begun(probe, clock)
    clock.now = 2.0
    one.hear(ReadyForTurn())
    clock.now = 50.0
    one.hold_to(Limits(seconds=10))
    one.give_turn()
    clock.now = 57.0
    one.hold_to(Limits(seconds=10))
    assert (work.told, one.seconds) == (["turn"], 9.0)
    one.hold_to(Limits(seconds=8))
    assert work.told == ["turn", "kill"]
    assert one.ended_for is not None
    assert one.ended_for.kind == "timeout"


def test_only_until_its_turn_others_may_be_beside_it(probe: PlannedJob) -> None:
    """Nothing begins once it is prepared, so that it need not wait for that, too; a probe elsewhere has no turns."""
    one, work = begun(probe, Clock())
    assert (one.beginning, one.preparing) == (True, True)
    one.hear(ReadyForTurn())
    assert (one.beginning, one.preparing) == (False, True)
    one.give_turn()
    assert (one.beginning, one.preparing) == (False, False)
    elsewhere, work = begun(probe, Clock())
    work.node = "n1"
    assert not elsewhere.preparing
