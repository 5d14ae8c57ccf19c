"""Idle workers score the stored steps of trainings that go on; what happens to a training happens to its follower."""

from pathlib import Path
from typing import Any

import pytest

from bench.evals import trajectory
from bench.evals.trajectory import score_trajectory
from bench.record.files import MANIFEST, STEPS
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.record import Record
from tests.evals.jobs import loss_job, resolved_model
from tests.fakes.orders import ORDERS
from tests.fakes.suites import diary, fake_suite, run_below
from tests.fakes.worker import score_by_step


def go(root: Path, order: str, *, workers: int = 3, **changes: Any) -> Record:
    """`lora` as ever, `full` with a training that waits for its follower."""
    recipe = {
        "full": {"method": "full", "learning_rate": ORDERS[order]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    suite = fake_suite(
        root, recipe=recipe, run={"workers": workers, "probe_steps": 0, **changes}, seeds=(0,),
        evaluate_at={"steps": 3, "evals": ("qa",)},
    )  # fmt: skip
    return run_below(root, suite).load()


def times(root: Path, what: str) -> dict[str, float]:
    return {line["id"]: line["at"] for line in diary(root / "home") if line["what"] == what}


def test_an_idle_worker_scores_the_steps_of_a_training_that_goes_on(tmp_path: Path) -> None:
    record = go(tmp_path, "be followed", limits={"seconds": 60})
    assert record.all_done
    assert times(tmp_path, "begin")["trajectory:qa:few/full#0"] < times(tmp_path, "end")["train:few/full#0"]
    assert times(tmp_path, "end")["trajectory:qa:few/full#0"] > times(tmp_path, "end")["train:few/full#0"]
    scored = next(entry for entry in record.trajectories if entry.subject == "few/full#0")
    assert [step.step for step in scored.steps] == [1, 2, 3]


def test_a_training_that_fails_ends_who_follows_it(tmp_path: Path) -> None:
    record = go(tmp_path, "be followed and fail")
    jobs = {job.id: job for job in record.jobs}
    failed = jobs["trajectory:qa:few/full#0"].failure
    assert "trajectory:qa:few/full#0" in times(tmp_path, "begin")
    assert failed.kind == "dependency"
    assert "failed at its last step" in failed.message
    assert jobs["trajectory:qa:few/lora#0"].status == "done"


def test_a_training_alone_on_the_machine_is_not_disturbed(tmp_path: Path) -> None:
    """Its speed is its own; the steps are scored after it."""
    recipe = {"full": {"method": "full", "learning_rate": 1e-3}}
    suite = fake_suite(
        tmp_path, recipe=recipe, arms={"data": ("few",), "recipe": ("full",)}, seeds=(0,),
        run={"workers": 2, "probe_steps": 0}, evaluate_at={"steps": 3, "evals": ("qa",)},
    )  # fmt: skip
    record = run_below(tmp_path, suite).load()
    assert record.trainings[0].job.alone
    assert times(tmp_path, "begin")["trajectory:qa:few/full#0"] > times(tmp_path, "end")["train:few/full#0"]


def test_steps_are_taken_as_they_come_and_none_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step in the making is not there; the last look is after the training's end."""
    training, out = tmp_path / "training", tmp_path / "out"
    out.mkdir()
    for name in ("2", ".4"):
        (training / STEPS / name).mkdir(parents=True)

    def meanwhile(seconds: float) -> None:
        (training / STEPS / ".4").rename(training / STEPS / "4")
        (training / STEPS / "10").mkdir()
        (training / MANIFEST).write_text("{}")

    monkeypatch.setattr(trajectory.time, "sleep", meanwhile)
    scoring = loss_job(resolved_model(tmp_path), tmp_path / "rows.jsonl", 2, training_path=str(training))
    result = score_trajectory(TrajectoryJob(scoring=scoring, digest="d"), out, lambda _: None, run_eval=score_by_step)
    assert [(point.step, point.value) for point in result.points] == [(2, 0.5), (4, 0.5), (10, 0.5)]
