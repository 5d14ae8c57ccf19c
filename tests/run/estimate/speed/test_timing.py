"""Short timings, by the clock of the events that a child sends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.emit import Event, ExamplesDone, StageDone
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.estimate.speed import timing
from bench.run.estimate.speed.timing import Timing, Timings
from bench.run.process.payloads import StandIn, StandInsReply, SubjectMemory
from tests.run.plan.jobs.test_evals import LOSS, WRITTEN, make_plan, scorings

MEMORY = SubjectMemory(load_bytes=3000, resident_bytes=2000, comparison_bytes=4000)
MADE, LOADED, COMPARED = (StageDone(stage=stage) for stage in ("made", "loaded", "compared"))


@dataclass
class ScriptedServer:
    """Starts a child whose events come after so many seconds each, and which ends so many seconds after the last."""

    script: list[tuple[float, Event]]
    value: Any = None
    ends_after: float | None = 0.0
    """`None`: it goes on until it is stopped."""
    now: float = 100.0
    process: Any = field(default_factory=lambda: SimpleNamespace(pid=None))
    next_scripts: list[list[tuple[float, Event]]] = field(default_factory=list)
    """What it sends after each request that it resumes with; it is idle while there is one left."""
    starts: int = 0

    def monotonic(self) -> float:
        return self.now

    @property
    def idle(self) -> bool:
        return bool(self.next_scripts) and self.ended()

    def start(self, *asked: object, **places: object) -> "ScriptedServer":
        self.starts += 1
        return self

    def resume(self, request: object) -> bool:
        self.script.extend(self.next_scripts.pop())
        return True

    def request(self, *asked: object, **places: object) -> None:
        return None

    def wait(self, seconds: float) -> Sequence[Event]:
        if not self.script:
            self.now += seconds if self.ends_after is None else self.ends_after
            self.ends_after = None if self.ends_after is None else 0.0
            return ()
        later, event = self.script.pop(0)
        self.now += later
        return (event,)

    def ended(self) -> bool:
        return not self.script and self.ends_after == 0.0

    def stop(self) -> None:
        self.script.clear()


def timings(root: Path, monkeypatch: pytest.MonkeyPatch, script: list[tuple[float, Event]], **child: Any) -> Timings:
    server: Any = ScriptedServer(script, **child)
    monkeypatch.setattr(timing, "time", server)
    return Timings(home=root / "home", server=server)


def an_eval(root: Path) -> EvalJob:
    return scorings(make_plan(root, WRITTEN))[0]


def test_a_load_is_told_apart_and_a_whole_eval_is_timed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind its last example an eval checks answers and writes its scores."""
    done = [(0.5, ExamplesDone(done=0, total=4)), (1.0, ExamplesDone(done=4, total=4))]
    found = timings(tmp_path, monkeypatch, [(3.0, LOADED), *done], ends_after=1.0).evaluation(an_eval(tmp_path))
    assert found == Timing(load=3.0, start=0.5, seconds_per_unit=0.5, examples=4)


def test_a_long_eval_is_timed_by_its_first_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its load is none of the seconds after which enough is seen."""
    done = [(1.0, ExamplesDone(done=number, total=100)) for number in range(100)]
    found = timings(tmp_path, monkeypatch, [(50.0, LOADED), *done]).evaluation(an_eval(tmp_path))
    assert found == Timing(load=50.0, start=1.0, seconds_per_unit=1.0, examples=100)


def test_a_base_that_one_eval_has_loaded_serves_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a run; in a process of its own, each eval would be planned with what only the first of a process takes."""
    loss, written = scorings(make_plan(tmp_path, LOSS, WRITTEN))[:2]
    examples = [(1.0, ExamplesDone(done=0, total=4)), (1.0, ExamplesDone(done=4, total=4))]
    after = [[(0.0, LOADED), *examples]]
    clocked = timings(tmp_path, monkeypatch, [(3.0, LOADED), *examples], next_scripts=after)
    found = [clocked.evaluation(job) for job in (loss, written)]
    assert [one and one.load for one in found] == [3.0, 0.0]
    server: Any = clocked.server
    assert server.starts == 1
    clocked.end()
    shared = written.model_copy(update={"trust_task_code": True, "threads": 9})
    server.script = [(3.0, LOADED), *examples]
    assert clocked.evaluation(shared).load == 3.0
    assert server.starts == 2


def test_each_subject_has_a_load_and_the_compared_one_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in for a subject takes time to make, which a run does not spend; one that could not be loaded leaves
    the others theirs."""
    planned = make_plan(tmp_path, LOSS, WRITTEN)
    training = next(entry.job for entry in planned.jobs if isinstance(entry.job, TrainJob))
    loss, written = (next(job for job in scorings(planned) if job.eval.name == name) for name in ("loss", "written"))
    asked = [
        StandIn(job=loss, training=None),
        StandIn(job=loss, training=training),
        StandIn(job=loss, training=training),
        StandIn(job=written, training=training),
    ]
    script = [
        (0.0, MADE), (2.0, LOADED), (0.0, COMPARED), (7.0, MADE), (7.0, MADE), (3.0, LOADED), (20.0, COMPARED),
        (7.0, MADE), (1.0, LOADED), (0.5, COMPARED),
    ]  # fmt: skip
    reply = StandInsReply(memory=(MEMORY, None, MEMORY, MEMORY)).model_dump(mode="json")
    clocked = timings(tmp_path, monkeypatch, script, value=reply)
    found = clocked.subjects(asked)
    assert [None if one is None else (one.load, one.comparison) for one in found] == [
        (2.0, None), None, (3.0, 20.0), (1.0, None),
    ]  # fmt: skip
    assert clocked.subjects(asked) == found, "kept"
    unmeasured = Timings(home=tmp_path / "elsewhere", server=clocked.server, measure=False)
    assert unmeasured.subjects(asked) == (None,) * 4
