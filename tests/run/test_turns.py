"""Probes are prepared side by side and timed one after another: preparing alone left every other core idle, and a speed
beside another's preparation would be no speed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InterruptedRunError
from bench.record.record import Record
from bench.run.display import QuietDisplay
from bench.run.process.server import ChildServer
from tests.fakes import turns_worker
from tests.fakes.suites import diary, fake_suite, run_below, worked
from tests.run.small_runs import by_id, recipes

SERVER = ChildServer(module=turns_worker.__name__)
PROBES = ["probe:few/full", "probe:few/lora"]


def run(root: Path, **changes: Any) -> Record:
    return run_below(root, fake_suite(root, **changes), server=SERVER).load()


def spans(home: Path) -> dict[str, tuple[float, float]]:
    """Begin and end of each piece of work."""
    at: dict[str, list[float]] = {}
    for line in diary(home):
        at.setdefault(line["id"], []).append(line["at"])
    return {name: (first, last) for name, (first, last) in at.items()}


def test_preparations_run_beside_each_other_and_nothing_beside_a_probe(tmp_path: Path) -> None:
    record = run(tmp_path)
    at_work = spans(tmp_path / "home")
    prepared = [at_work[f"prepare:{name}"] for name in PROBES]
    assert max(begin for begin, _ in prepared) < min(end for _, end in prepared), "side by side"
    for name in PROBES:
        begin, end = at_work[name]
        beside = [other for other, (first, last) in at_work.items() if other != name and first < end and last > begin]
        assert beside == []
    assert at_work[PROBES[0]] < at_work[PROBES[1]], "in the order of the round"
    assert all(probe.job.alone for probe in record.probes)


def test_a_probe_of_several_processes_takes_no_turns(tmp_path: Path) -> None:
    """Its ranks would wait in each other's time limits; it has the machine from its start, as a job elsewhere has."""
    launched = {"method": "full", "learning_rate": 1e-3, "launch": {"processes": 2}, "accumulation": 2}
    record = run(tmp_path, recipe={"full": launched, "lora": {**launched, "method": "lora"}})
    assert all(probe.job.alone for probe in record.probes)
    assert not [name for name in worked(tmp_path / "home") if name.startswith("prepare:")]


def test_one_that_dies_as_it_waits_fails_alone(tmp_path: Path) -> None:
    record = run(tmp_path, recipe=recipes("kill"))
    jobs = by_id(record)
    failure = jobs[PROBES[0]].failure
    assert failure is not None
    assert failure.kind == "killed"
    assert jobs[PROBES[1]].status == "done"
    assert jobs[PROBES[1]].alone


def test_an_interruption_leaves_no_child_that_waits(tmp_path: Path) -> None:
    class Interrupts(QuietDisplay):
        def progress(self, job_id: str, event: object) -> None:
            if job_id == PROBES[0]:
                raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        run_below(tmp_path, fake_suite(tmp_path), server=SERVER, display=Interrupts())
    assert [pid for pid in pids(tmp_path / "home") if is_alive(pid)] == []


def pids(home: Path) -> Iterator[int]:
    """Processes that prepared a probe."""
    return (line["pid"] for line in diary(home))


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that is not yet reaped counts as ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
