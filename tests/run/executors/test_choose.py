"""Which executor a name or a file gives."""

import sys
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.run.executors.choose import choose_executor
from bench.run.executors.remote import RemoteExecutor
from bench.suite.tables.suite import Limits, RunOptions


def test_a_file_gives_commands_and_a_suite_cannot(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text('kind = "command"\nsubmit = ["ssh", "box", "${command}"]\ncancel = ["true"]\njobs = 7\ngpus = 1\n')
    executor = choose_executor(str(path), limits=Limits(seconds=60))
    assert isinstance(executor, RemoteExecutor)
    assert (executor.at_once, executor.gpus, executor.limits.seconds) == (7, 1, 60)
    assert choose_executor("local", limits=Limits()) is None
    slurm = choose_executor("slurm", limits=Limits())
    assert isinstance(slurm, RemoteExecutor)
    assert slurm.backend.name == "slurm"
    with pytest.raises(ValueError, match="executor"):
        RunOptions.model_validate({"executor": "command"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "command"\nsubmit = ["a"]\ncancel = ["b"]', "submit starts nothing"),
        ('kind = "command"\nsubmit = ["${command}", "${token}"]\ncancel = ["b"]', r"no placeholder \$\{token\}"),
        ('kind = "command"\nsubmit = ["${manifest}"]\ncancel = ["b"]', "name the template file"),
        ('kind = "slurm"\nnodes = 3', "Extra inputs"),
        ("kind = ", "Invalid value"),
    ],
)
def test_what_is_no_executor_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        choose_executor(str(tmp_path / "cluster.toml"), limits=Limits())


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(InputError, match="no executor is called 'kubernetes'"):
        choose_executor("kubernetes", limits=Limits())


def without_ray(monkeypatch: pytest.MonkeyPatch, path: list[str]) -> None:
    """Whether Ray is installed or not, none but what is in `path` is found."""
    for name in [name for name in sys.modules if name == "ray" or name.startswith("ray.")]:
        monkeypatch.delitem(sys.modules, name)
    installed = (entry for entry in sys.path if not (Path(entry) / "ray").is_dir())
    monkeypatch.setattr(sys, "path", [*path, *installed])


def test_the_ray_executor_asks_for_ray_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ray(monkeypatch, [])
    with pytest.raises(InputError, match="needs ray, which is not installed"):
        choose_executor("ray", limits=Limits())


def test_a_folder_called_ray_is_not_taken_for_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python imports such a folder without an error, as a namespace package."""
    (tmp_path / "ray").mkdir()
    without_ray(monkeypatch, [str(tmp_path)])
    with pytest.raises(InputError) as refused:
        choose_executor("ray", limits=Limits())
    (problem,) = refused.value.problems
    assert problem.what == f"the ray executor needs ray, and Python finds the folder {tmp_path / 'ray'} in its place"
    assert problem.hint == 'rename the folder, or leave it out of PYTHONPATH; pip install "sft-bench[ray]"'
