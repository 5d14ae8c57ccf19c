"""What stops a draft is told by the command's own flags, for there is no suite whose keys could be named."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

import bench.draft.given_arms
import bench.draft.write
from bench.data.sources.row_faults import COLUMNS_HINT
from bench.draft.given_arms import draft_given
from bench.draft.write import draft_suite
from bench.errors import InputError, Problem


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
