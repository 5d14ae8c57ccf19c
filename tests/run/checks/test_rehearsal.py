"""Which evals are rehearsed, and when again."""

from pathlib import Path
from typing import Any, cast

from bench.record.jobs.train_job import SweepJob, TrainJob
from bench.run.checks.rehearsal import rehearse
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.process.payloads import RehearsalRequest
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from tests.fakes.suites import HELD, fake_suite

JUDGED: dict[str, Any] = {
    "kind": "judge",
    "name": "judged",
    "data": {"source": "held.jsonl"},
    "judge": {"endpoint": {"base_url": "http://localhost:1/v1", "model": "m"}},
}


class FakeServer:
    """Keeps what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []

    def call(self, kind: str, request: RehearsalRequest, **_: Any) -> None:
        """A rehearsal that finds nothing wrong."""
        assert kind == "rehearse"
        self.asked.append([(job.eval.name, job.eval.kind) for job in request.jobs])


def planned(root: Path, *, trained: bool = False) -> Plan:
    """The plan of a suite with three evals; `trained`: as if the trainings were there already."""
    evals = ({"kind": "lm_eval", "name": "qa", "tasks": ("t",)}, HELD, JUDGED)
    made = plan(resolve(fake_suite(root, eval=evals), home=root / "home"), home=root / "home")
    if not trained:
        return made
    kept = tuple(one for one in made.jobs if not isinstance(one.job, TrainJob | SweepJob) and one.job.kind != "probe")
    return Plan(resolved=made.resolved, jobs=kept, workers=made.workers, threads=made.threads, digest=made.digest)


def asked(server: FakeServer, made: Plan, home: Path) -> list[list[tuple[str, str]]]:
    rehearse(made, home=home, server=cast(ChildServer, server))
    return server.asked


def test_each_eval_is_rehearsed_once_and_a_judges_answers_apart(tmp_path: Path) -> None:
    assert asked(FakeServer(), planned(tmp_path), tmp_path) == [
        [("qa", "lm_eval"), ("held", "loss"), ("judged", "questions"), ("judged", "judge")]
    ]


def test_only_a_judge_behind_an_endpoint_is_asked_in_the_next_run_too(tmp_path: Path) -> None:
    server = FakeServer()
    asked(server, planned(tmp_path), tmp_path)
    assert asked(server, planned(tmp_path), tmp_path)[1:] == [[("judged", "judge")]]


def test_without_a_training_to_pay_for_no_judge_is_asked(tmp_path: Path) -> None:
    """An endpoint that is down then fails its own job, as cheaply, and the others go on."""
    server = FakeServer()
    asked(server, planned(tmp_path), tmp_path)
    assert asked(server, planned(tmp_path, trained=True), tmp_path)[1:] == []
