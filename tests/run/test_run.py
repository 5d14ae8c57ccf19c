"""A run with instant jobs: order, isolation of failures, reuse, and what the record says of each job's fate."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.files import RESULT
from bench.run.plan import plan
from tests.fakes.results import training_result
from tests.fakes.suites import diary, worked
from tests.run.small_runs import go


def test_every_job_runs_once_after_what_it_needs(tmp_path: Path) -> None:
    record = go(tmp_path).load()
    lines = list(diary(tmp_path / "home"))
    begun = {line["id"]: line["at"] for line in lines if line["what"] == "begin"}
    ended = {line["id"]: line["at"] for line in lines if line["what"] == "end"}
    assert len(begun) == len(lines) / 2 == len(record.jobs) == 16
    for name in ("qa", "held"):
        for subject in ("few/full#0", "few/full#1", "few/lora#0", "few/lora#1"):
            assert begun[f"eval:{name}:{subject}"] >= ended[f"train:{subject}"]
    assert all(job.status == "done" and not job.reused and job.seconds is not None for job in record.jobs)


@pytest.mark.parametrize("first", [True, False])
def test_a_probe_has_the_machine_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    if not first:  # the other way round: it has to wait until the machine is idle
        monkeypatch.setattr(plan, "rank", lambda entry, position, **_: -position)
    go(tmp_path, run={"workers": 3, "probe_steps": 2})
    active: set[str] = set()
    for line in diary(tmp_path / "home"):
        active.symmetric_difference_update({line["id"]})
        assert len(active) <= 1 or not any(job.startswith("probe:") for job in active)


def test_probes_take_turns_until_the_speeds_are_resolved_and_a_repeat_has_nothing_to_do(tmp_path: Path) -> None:
    """The fake speeds are equal, so that a third round is not needed."""
    run = {"workers": 2, "probe_steps": 2, "probe_rounds": 3}
    record = go(tmp_path, run=run).load()
    begun = [job for job in worked(tmp_path / "home") if job.startswith("probe:")]
    assert begun == ["probe:few/full", "probe:few/lora", "probe:few/lora#2", "probe:few/full#2"]
    assert [probe.arm for probe in record.probes] == ["few/full", "few/full", "few/lora", "few/lora"]
    assert record.all_done
    before = len(worked(tmp_path / "home"))
    assert go(tmp_path, run=run).load().all_done
    assert len(worked(tmp_path / "home")) == before


def test_a_training_of_two_processes_takes_two_workers_room(tmp_path: Path) -> None:
    """Else three jobs would share two cores, and each other's speed."""
    recipe = {
        "full": {"method": "full", "learning_rate": 1e-3, "launch": {"processes": 2}, "accumulation": 2},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    record = go(tmp_path, recipe=recipe, run={"workers": 2, "probe_steps": 0}).load()
    assert all(job.status == "done" for job in record.jobs)
    active: set[str] = set()
    for line in diary(tmp_path / "home"):
        active.symmetric_difference_update({line["id"]})
        assert len(active) <= 1 or not any(job.startswith("train:few/full") for job in active)
    trained = {one.arm: one.job.alone for one in record.trainings if one.result}
    assert trained["few/full"]


def test_without_side_by_side_work_there_is_no_probe_and_trainings_count_as_alone(tmp_path: Path) -> None:
    record = go(tmp_path, run={"workers": 1, "probe_steps": 2}).load()
    assert record.probes == ()
    assert [one.job.alone for one in record.trainings if one.result] == [True] * 4


def test_a_childs_result_is_never_rewritten(tmp_path: Path) -> None:
    """What a training measured is the child's word; whether it was alone is the parent's, in the parent's manifest."""
    record = go(tmp_path, run={"workers": 1}).load()
    for training in record.trainings:
        folder = tmp_path / "home" / "jobs" / training.job.digest
        assert (folder / RESULT).read_text(encoding="utf-8") == training_result().model_dump_json()
        assert json.loads((folder / "manifest.json").read_bytes())["alone"] is True
    reused = go(tmp_path, run={"workers": 1}).load()
    assert [one.job.alone for one in reused.trainings] == [True] * 4


def test_tensorboards_files_bear_the_arms_names(tmp_path: Path) -> None:
    """In the jobs' folders they are below digests, which say nothing to anybody."""
    directory = go(tmp_path, run={"workers": 1, "track": ("tensorboard",)})
    shown = {
        path.parent.relative_to(directory.path / "tracking").as_posix() for path in directory.path.rglob("events*")
    }
    assert shown == {f"few/{recipe}/seed-{seed}" for recipe in ("full", "lora") for seed in (0, 1)}


def test_one_by_one_each_seed_goes_through_all_arms_before_the_next(tmp_path: Path) -> None:
    go(tmp_path, run={"workers": 1})
    begun = [line["id"] for line in diary(tmp_path / "home") if line["what"] == "begin"]
    trained = [name for name in begun if name.startswith("train:")]
    assert trained == [f"train:few/{recipe}#{seed}" for seed in (0, 1) for recipe in ("full", "lora")]


def test_a_training_that_shared_the_machine_says_so(tmp_path: Path) -> None:
    order = {"full": {"method": "full", "learning_rate": 1e-3}}
    changes: dict[str, Any] = {"recipe": order, "arms": {"data": ("few",), "recipe": ("full",)}}
    record = go(tmp_path, seeds=(0, 1, 2, 3), run={"workers": 4, "probe_steps": 0}, **changes).load()
    assert not all(one.job.alone for one in record.trainings if one.result)


def test_a_read_only_reports_folder_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file is in the way")
    with pytest.raises(InputError) as caught:
        go(tmp_path)
    assert caught.value.problems[0].reference == "run.not-writable"


def test_the_record_names_no_folder_outside_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory = go(tmp_path)
    assert str(tmp_path) not in (directory.path / "record.json").read_text()
