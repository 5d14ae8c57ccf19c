"""Trainings scored over their steps: jobs after their training, and the digests that decide what is reused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.errors import InputError
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.job import job_adapter
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.commands.weights import find_trained
from bench.run.estimate.disk import needed_bytes
from bench.run.estimate.forecast import forecast
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.process.invitations import Invitation
from bench.run.process.payloads import CheckRequest
from bench.run.resolve.suite import resolve
from bench.show.status import run_status
from tests.fakes.suites import SERVER, fake_rows, fake_suite, run_below, worked

ASKED = {"steps": 3, "evals": ("qa",)}
KEPT = {**ASKED, "keep": "best on qa"}


def go(root: Path, **changes: Any) -> RunDirectory:
    suite = fake_suite(root, **{"evaluate_at": ASKED, **changes})
    return run_below(root, suite)


def planned(root: Path, **changes: Any) -> Plan:
    suite = fake_suite(root, **{"evaluate_at": ASKED, **changes})
    return plan(resolve(suite, home=root / "home", server=SERVER), home=root / "home")


def digests(root: Path, kind: type, **changes: Any) -> set[str]:
    return {job.digest for job in planned(root, **changes).jobs if isinstance(job.job, kind)}


def test_every_training_and_its_base_are_scored_over_their_steps(tmp_path: Path) -> None:
    directory = go(tmp_path)
    record = directory.load()
    assert record.all_done
    assert [(entry.subject, entry.eval) for entry in record.trajectories] == [
        (subject, "qa") for subject in ("base", "few/full#0", "few/full#1", "few/lora#0", "few/lora#1")
    ]
    base, trained = record.trajectories[:2]
    assert [(step.subject, step.step, step.value) for step in base.steps] == [("base", 0, 0.0)]
    assert [(step.subject, step.step, step.value) for step in trained.steps] == [
        ("few/full#0@1", 1, 0.0), ("few/full#0@2", 2, 0.5), ("few/full#0@3", 3, 0.5),
    ]  # fmt: skip
    rows = directory.scores(trained.steps[1])
    assert [(row.id, row.metrics, row.prompt) for row in rows] == [
        ("dev0", {"acc": 1.0}, ""),
        ("dev1", {"acc": 0.0}, ""),
    ]
    order = worked(tmp_path / "home")
    assert order.index("trajectory:qa:base") < order.index("train:few/full#0") < order.index("trajectory:qa:few/full#0")
    assert "stored steps 5 of 5 done" in run_status(directory).sentence


def test_an_eval_with_dev_examples_reports_scores_of_the_others(tmp_path: Path) -> None:
    jobs = [job.job for job in planned(tmp_path).jobs]
    parts = {job.eval.name: job.part for job in jobs if isinstance(job, EvalJob)}
    dev = {job.scoring.part for job in jobs if isinstance(job, TrajectoryJob)}
    assert parts["held"] is None
    assert parts["qa"] is not None
    assert parts["qa"].which == "test"
    assert [part.which for part in dev if part is not None] == ["dev"]
    assert digests(tmp_path, EvalJob).isdisjoint(
        digest for digest in digests(tmp_path, EvalJob, evaluate_at=None) if digest not in held(tmp_path)
    )


def held(root: Path) -> set[str]:
    """Digests of the eval without dev examples."""
    jobs = planned(root).jobs
    return {job.digest for job in jobs if isinstance(job.job, EvalJob) and job.job.eval.name == "held"}


def test_what_scores_the_steps_retrains_nothing_unless_it_chooses_one(tmp_path: Path) -> None:
    trained = digests(tmp_path, TrainJob)
    target = {"eval": "qa", "value": 0.4}
    for table in ({**ASKED, "evals": ("qa", "held")}, {**ASKED, "dev_share": 0.3}, {**ASKED, "target": target}):
        assert digests(tmp_path, TrainJob, evaluate_at=table) == trained, table
    chosen = digests(tmp_path, TrainJob, evaluate_at=KEPT)
    others = [
        {**KEPT, "dev_share": 0.3},
        {**KEPT, "patience": 1},
        {**KEPT, "steps": 4},
        {**ASKED, "every": 2, "steps": None},
    ]
    for number, table in enumerate(others):
        assert digests(tmp_path, TrainJob, evaluate_at=table).isdisjoint(trained | chosen), number
    assert digests(tmp_path, TrainJob, evaluate_at={**KEPT, "evals": ("qa", "held")}) == chosen


def test_a_sweep_stores_no_steps(tmp_path: Path) -> None:
    swept = {"full": {"method": "full", "learning_rate": {"sweep": (1e-2, 1e-3)}}}
    arms = {"data": ("few",), "recipe": ("full",)}
    jobs = planned(
        tmp_path, recipe=swept, arms=arms, data={"few": {"source": str(fake_rows(tmp_path / "many.jsonl", rows=40))}}
    ).jobs
    assert all(job.job.training.evaluated is None for job in jobs if isinstance(job.job, SweepJob))
    assert all(job.job.evaluated is not None for job in jobs if isinstance(job.job, TrainJob))


def test_steps_that_the_training_scored_are_not_scored_again(tmp_path: Path) -> None:
    record = go(tmp_path, evaluate_at=KEPT).load()
    jobs = [job.job for job in planned(tmp_path, evaluate_at=KEPT).jobs if isinstance(job.job, TrajectoryJob)]
    assert [job.scored_in_training for job in jobs] == [False, True, True, True, True]
    assert [step.value for step in record.trajectories[1].steps] == [0.0, 0.5, 0.5]


def test_a_training_crosses_to_its_child_with_the_eval_that_scores_its_steps_and_elsewhere_without(
    tmp_path: Path,
) -> None:
    jobs = [job.job for job in planned(tmp_path, evaluate_at=KEPT).jobs if isinstance(job.job, PlannedTraining)]
    assert job_adapter.validate_json(jobs[0].model_dump_json()) == jobs[0]
    assert jobs[0].scoring is not None
    place: dict[str, Any] = {"folder": "f", "run_id": "r", "nodes": 2, "address": "a", "port": 1}
    for request in (CheckRequest(jobs=tuple(jobs), rows=()), Invitation(job=jobs[0], **place)):
        type(request).model_validate_json(request.model_dump_json())
    with pytest.raises(ValidationError, match="digest of scoring"):
        PlannedTraining.model_validate({**dict(jobs[0]), "scoring": None})


def test_stored_steps_go_with_the_weights_and_are_made_again_where_something_asks(tmp_path: Path) -> None:
    run = {"workers": 2, "probe_steps": 0, "keep_weights": False}
    directory = go(tmp_path, run=run)
    store, digest = JobStore(home=tmp_path / "home"), directory.load().trainings[0].job.digest
    assert not (store.folder(digest) / "steps").exists()
    assert store.done(digest) is not None
    before = len(worked(tmp_path / "home"))
    go(tmp_path, run=run)
    assert len(worked(tmp_path / "home")) == before
    go(tmp_path, run=run, evaluate_at={**ASKED, "dev_share": 0.3})
    assert "train:few/full#0" in worked(tmp_path / "home")[before:]


def test_a_stored_step_can_be_written_out(tmp_path: Path) -> None:
    directory = go(tmp_path)
    found = find_trained(directory, "few/full", seed=1, home=tmp_path / "home")
    at_step = find_trained(directory, "few/full", seed=1, step=2, home=tmp_path / "home")
    assert at_step.folder == found.folder / "steps" / "2"
    with pytest.raises(InputError, match="step 7 of few/full#1 is not stored"):
        find_trained(directory, "few/full", seed=1, step=7, home=tmp_path / "home")


def test_a_plan_has_the_time_and_the_room_of_the_steps(tmp_path: Path) -> None:
    expected = forecast(fake_suite(tmp_path, evaluate_at=ASKED), home=tmp_path / "home", server=SERVER, probe=False)
    rows = {row.eval: row.subjects for row in expected.evals}
    assert rows == {"qa": 5, "held": 5, "qa, over steps": 5}
    go(tmp_path)
    again = forecast(fake_suite(tmp_path, seeds=(0, 1, 2), evaluate_at=ASKED), home=tmp_path / "home", server=SERVER)
    test, steps = (next(row for row in again.evals if row.eval == name) for name in ("qa", "qa, over steps"))
    assert test.seconds is not None
    assert steps.seconds is not None
    load = max(kind.load_seconds or 0.0 for kind in again.subjects)
    each = load + test.seconds * 0.2 / 0.8
    assert steps.seconds == pytest.approx(each * (6 * 2 + 1) / 7), "two steps, and the base once, each loaded"
    more, less = (
        needed_bytes(planned(tmp_path / name, evaluate_at=table)) for name, table in (("a", ASKED), ("b", None))
    )
    assert more > less
