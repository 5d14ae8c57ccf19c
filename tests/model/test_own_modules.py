"""The code of a trusted model is copied for each job alone: two jobs that begin together cannot tear each other's."""

from pathlib import Path

import pytest
from transformers import AutoConfig, dynamic_module_utils

from bench.launch import training
from bench.model.loading.remote_code import own_modules
from bench.record.jobs.train_job import TrainJob
from bench.worker import kinds
from tests.fakes.own_code import with_own_model


def test_what_a_model_brings_is_copied_into_the_jobs_folder_and_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, job = tmp_path / "shared", tmp_path / "job"
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(shared))
    monkeypatch.setenv("MARKS", str(tmp_path))
    model = with_own_model(tmp_path / "own")
    with own_modules(job):
        AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=True)
        assert list((job / "modules").rglob("configuration_own.py"))
    assert not shared.exists()
    assert not (job / "modules").exists(), "no part of the job's result"
    assert str(shared) == dynamic_module_utils.HF_MODULES_CACHE


@pytest.mark.parametrize("kind", ["train", "sweep", "probe", "eval", "answer"])
def test_every_job_has_its_own(tmp_path: Path, kind: str) -> None:
    seen: list[str] = []

    class Job:
        def __getattr__(self, name: str) -> None:
            seen.append(dynamic_module_utils.HF_MODULES_CACHE)
            raise ValueError("read")

    with pytest.raises(ValueError, match="read"):
        kinds.KINDS[kind].do(Job(), tmp_path, lambda event: None)
    assert seen == [str(tmp_path / "modules")]


def test_so_has_each_process_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(
        "bench.train.job.follow_training", lambda job, folder: seen.append(dynamic_module_utils.HF_MODULES_CACHE)
    )
    training._follow(TrainJob.model_construct(), tmp_path)
    assert seen == [str(tmp_path / "modules" / "rank1" / "modules")]
