"""A program trains only where the command line trusts it; its files are part of the training, and it is not probed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.run.display import QuietDisplay
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite
from tests.fakes.suites import SERVER, fake_suite

OWN: dict[str, Any] = {
    "method": "lora",
    "engine": "command",
    "learning_rate": 1e-3,
    "command": {"run": ("${python}", "train.py", "${rows}", "${out}", "${learning_rate}"), "files": ("train.py",)},
}


def suite(root: Path, script: str = "") -> LoadedSuite:
    (root / "train.py").write_text(script, encoding="utf-8")
    return fake_suite(root, recipe={"own": OWN}, arms={"data": ("few",), "recipe": ("own",)})


def trainings(root: Path, script: str) -> dict[str, TrainJob]:
    planned = plan(resolve(suite(root, script), home=root / "home"), home=root / "home")
    assert not [one for one in planned.jobs if isinstance(one.job, ProbeJob)]
    return {one.job.id: one.job for one in planned.jobs if isinstance(one.job, TrainJob)}


def test_a_program_needs_the_command_lines_trust(tmp_path: Path) -> None:
    options: dict[str, Any] = {"home": tmp_path / "home", "reports": tmp_path / "reports", "server": SERVER}
    with pytest.raises(InputError, match="recipe own runs a program"):
        run_suite(suite(tmp_path), display=QuietDisplay(), **options)
    trusted = replace(suite(tmp_path), trust_commands=True)
    assert run_suite(trusted, display=QuietDisplay(), **options).load().all_done


def test_another_content_of_its_files_is_another_training(tmp_path: Path) -> None:
    first, again, other = (trainings(tmp_path, script) for script in ("a = 1", "a = 1", "a = 2"))
    assert {job: one.digest for job, one in first.items()} == {job: one.digest for job, one in again.items()}
    assert not {one.digest for one in first.values()} & {one.digest for one in other.values()}
    assert [file.path for file in first["train:few/own#0"].program] == [str(tmp_path / "train.py")]
