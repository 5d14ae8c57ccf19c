"""Where a command's `--out` cannot be written, that is told as a fault of the input, never of the program."""

from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest
from typer.testing import CliRunner

import bench.cli.commands.exports
import bench.draft.write
import bench.run.commands.make
import bench.run.commands.weights
from bench.cli.main import app
from bench.errors import InputError
from bench.record.rundir import RunDirectory


class _Anything:
    def __getattr__(self, name: str) -> "_Anything":
        return self


def _file_in_the_way(*_: object, **__: object) -> NoReturn:
    Path("file/x").mkdir(parents=True, exist_ok=True)
    raise AssertionError


def test_a_base_is_not_built_where_it_cannot_be_written(tmp_path: Path) -> None:
    """Its folder was made after minutes of training."""
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["models", "build", "micro", "--out", str(tmp_path / "file" / "x")])
    assert isinstance(result.exception, InputError), result.exception
    assert result.exception.problems[0].what.startswith("cannot write: ")


@pytest.mark.parametrize(
    ("arguments", "module", "work"),
    [
        ("init --model micro --data micro:curated --goal tune", bench.draft.write, "draft_suite"),
        ("weights run arm", bench.run.commands.weights, "export_weights"),
        ("export run --to csv", bench.cli.commands.exports, "_written"),
        ("data make make.toml", bench.run.commands.make, "make_data"),
    ],
)
def test_a_file_where_out_needs_a_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, module: ModuleType, work: str
) -> None:
    """It ended with exit code 70 and the advice to report a fault."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.setattr(RunDirectory, "find", lambda *_: _Anything())
    monkeypatch.setattr(bench.run.commands.weights, "find_trained", lambda *_, **__: _Anything())
    monkeypatch.setattr(bench.cli.commands.exports, "_sources", lambda _: _Anything())
    monkeypatch.setattr(module, work, _file_in_the_way)
    result = CliRunner().invoke(app, [*arguments.split(), "--out", "file/x.toml"])
    assert isinstance(result.exception, InputError), result.exception
    (problem,) = result.exception.problems
    assert problem.what.startswith("cannot write: "), problem
    assert problem.hint is not None
    assert "name another place" in problem.hint
