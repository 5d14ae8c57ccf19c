"""What stops a draft is told by the command's own flags, for there is no suite whose keys could be named."""

from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

import bench.draft.given_arms
import bench.draft.write
from bench.cli.main import app
from bench.data.sources.row_faults import COLUMNS_HINT
from bench.draft.given_arms import draft_given
from bench.draft.write import draft_suite
from bench.errors import InputError, Problem
from bench.run.estimate import job_costs
from tests.draft.test_choose import base, looked


@pytest.mark.parametrize(
    ("reference", "where", "flag"),
    [
        ("model.context-length", "--model", "--context-length"),
        ("template.no-embedding", "--model", "--template dialogue"),
        ("template.refused", "rows.jsonl:1", "--template"),
        ("data.missing-file", "--data", "the current folder"),
        ("data.unknown-shape", "rows.jsonl:1", "--columns"),
    ],
)
def test_hints_name_the_flags_of_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, where: str, flag: str
) -> None:
    """They named keys of a suite that was not written yet."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise InputError(Problem(reference=reference, what="no", where="rows.jsonl:1", hint=COLUMNS_HINT
                                 if reference == "data.unknown-shape" else "set the key of the suite"))  # fmt: skip

    for module in (bench.draft.write, bench.draft.given_arms):
        monkeypatch.setattr(module, "look", refused)
    with pytest.raises(InputError) as trained:
        draft_suite("micro", ["rows.jsonl"], "tune", out=tmp_path / "a.toml", home=tmp_path)
    with pytest.raises(InputError) as given:
        draft_given(["a"], [], model="micro", data=["rows.jsonl"], out=tmp_path / "b.toml", home=tmp_path)
    for caught in (trained, given):
        (problem,) = caught.value.problems
        assert problem.where == where
        assert flag in (problem.hint or "")


def test_what_is_said_of_the_base_is_looked_at_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def seen(table: str, *_: object, **__: object) -> NoReturn:
        asked.append(table)
        raise InputError(Problem(reference="x", what="enough"))

    monkeypatch.setattr(bench.draft.write, "look", seen)
    with pytest.raises(InputError, match="enough"):
        draft_suite(
            "micro", ["r.jsonl"], "tune", out=tmp_path / "a.toml", home=tmp_path, template="chatml", context_length=64
        )
    assert asked == ['card = "micro"\ntemplate = "chatml"\ncontext_length = 64']


def test_a_draft_that_trains_for_long_is_noted_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of public data drafted two weeks of training, of which the file alone had a word."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job_costs, "device", lambda: "cpu")
    files = [looked("lima", 1000, tokens=500_000), looked("alpaca", 50_000, tokens=9_000_000)]
    for file in files:
        Path(file.source).write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    monkeypatch.setattr(bench.draft.write, "look", lambda *_, **__: (base(table='card = "micro"'), files))
    data = [word for file in files for word in ("--data", file.source)]
    result = CliRunner().invoke(app, ["init", "--model", "micro", *data, "--goal", "data", "--out", "a.toml"])
    assert result.exit_code == 0, result.output
    assert "note: all trainings take very roughly 151 h 52 min here" in result.output
    assert "amount = 9_900" in result.output
