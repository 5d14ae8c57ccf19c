"""Reading a source: what is wrong with it is one problem of each kind, with a way out."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.sources.read import read
from bench.data.sources.source import Source
from bench.data.sources.table import RowTable


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"prompt": {"0": "Q", "1": "R"}, "completion": {"0": "A", "1": "B"}}, "one object for each column"),
        ({"instruction": {"0": "Q"}, "output": {"0": "A"}}, "one object for each column"),
        ({"prompt": ["Q", "R"], "completion": ["A", None]}, "one list for each column"),
        ({"columns": ["prompt", "completion"], "index": [0], "data": [["Q", "A"]]}, "a table with its columns apart"),
        ({"schema": {"fields": []}, "data": [{"prompt": "Q"}]}, "a table with its columns apart"),
    ],
)
def test_a_table_that_was_written_by_its_columns_says_how_to_write_rows(
    tmp_path: Path, content: dict[str, Any], kind: str, indent: int | None
) -> None:
    """It was called a prompt without a role."""
    (path := tmp_path / "rows.json").write_text(json.dumps(content, indent=indent))
    source = Source(label="rows.json", origin="rows.json", files=(path,), columns=None, revision=None, sha256="x")
    [problem] = read(RowTable("rows.json", tmp_path), source)
    assert problem.what == f"valid JSON, but {kind}, not a list of rows"
    assert problem.hint is not None
    assert "orient" in problem.hint


def test_a_name_to_ignore_or_leave_out_that_no_row_has_is_noted(tmp_path: Path) -> None:
    """A misspelt `leave_out` left nothing out, in silence."""
    rows = [{"prompt": "Q", "completion": "A", "tools": None}, {"prompt": "Q2", "completion": "A2", "weight": 0.5}]
    (path := tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rules = Rules(leave_out=frozenset({"tols", "tools"}), ignore=frozenset({"weight", "wait"}))
    source = Source(
        label="r", origin="r", files=(path,), columns=None, revision=None, sha256="x", rules=rules, faulty="strict"
    )
    table = RowTable("r", tmp_path)
    assert read(table, source) == []
    noted = {name: count for name, count in table.notes.items() if name.startswith("no column")}
    said = "no column, message key or role `{}`, which ignore or leave_out names"
    assert noted == {said.format("tols"): 2, said.format("wait"): 2}


def test_one_row_whose_columns_are_lists_is_no_table(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    (path := tmp_path / "rows.jsonl").write_text(json.dumps({"messages": turns, "tags": ["x", "y"]}))
    source = Source(label="rows.jsonl", origin="rows.jsonl", files=(path,), columns=None, revision=None, sha256="x")
    assert read(RowTable("rows.jsonl", tmp_path), source) == []


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.json", '[["Q", "A"], ["R", "B"], ["S", "C"]]', "an object with fields, this is a list (so in 3 rows"),
        ("a.json", '["a", "b", "c"]', "an object with fields, this is text (so in 3 rows"),
        (
            "a.jsonl",
            "".join(f'{{"messages": [{{"role": "{name}", "content": "Q"}}]}}\n' for name in ("Ann", "Bob", "Cy", "Di")),
            "turn 1: unknown role 'Ann'",
        ),
        ("a.json", '{"data": [{"prompt": "Q", "completion": "A"}]}', "valid JSON, but one object, not a list of rows"),
    ],
)  # fmt: skip
def test_one_kind_of_fault_is_one_problem(tmp_path: Path, name: str, content: str, what: str) -> None:
    (path := tmp_path / name).write_text(content)
    source = Source(label=name, origin=name, files=(path,), columns=None, revision=None, sha256="x")
    [problem] = read(RowTable(name, tmp_path), source)
    assert what in problem.what


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        (
            {"Question": "Q", "Answer": "A"},
            "in lower case the columns are known: question, answer; or name the columns",
        ),
        ({" question": "Q", "answer ": "A"}, "without blanks around them the columns are known: question, answer"),
        ({"input_ids": [1, 2], "labels": [-100, 2]}, "rows of token ids are not read: give their texts"),
    ],
)
def test_rows_that_are_nearly_of_a_known_shape_say_what_helps(tmp_path: Path, row: dict[str, Any], hint: str) -> None:
    (path := tmp_path / "a.jsonl").write_text(2 * (json.dumps(row) + "\n"))
    source = Source(label="a.jsonl", origin="a.jsonl", files=(path,), columns=None, revision=None, sha256="x")
    [problem] = read(RowTable("a.jsonl", tmp_path), source)
    assert str(problem.hint).startswith(hint)
