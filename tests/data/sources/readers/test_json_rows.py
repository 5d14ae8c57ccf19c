"""JSON and JSON Lines: faults by row, and tables in one object."""

import json
from pathlib import Path

import pytest

from bench.data.formats.fields import RowError
from bench.data.sources.readers import json_rows
from bench.data.sources.readers.readers import records
from tests.data.sources.readers.test_readers import ROWS


def test_the_line_that_is_not_json_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [json.dumps(row) for row in ROWS]
    lines[16] = '{"question": "cut'
    (path := tmp_path / "x.jsonl").write_text("\n".join(lines))
    found = dict(records(path, source="x.jsonl"))
    assert isinstance(found[17], RowError)
    assert found[17].reference == "data.not-json"
    assert [row for row in found if isinstance(found[row], RowError)] == [17]
    assert len(found) == len(ROWS)


@pytest.mark.parametrize("block", [5, 1 << 20])
def test_the_element_that_is_not_json_is_named(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "_BLOCK", block)
    items = [json.dumps(row) for row in ROWS]
    items[16] = '{"question": cut}'
    (path := tmp_path / "x.json").write_text("[" + ",\n".join(items) + "]")
    *good, (row, fault) = records(path, source="x.json")
    assert [record for _, record in good] == ROWS[:16]
    assert row == 17
    assert isinstance(fault, RowError)
    assert fault.what == "not JSON: Expecting value at line 17, column 14"


def test_a_list_that_breaks_off_is_no_whole_file(tmp_path: Path) -> None:
    (path := tmp_path / "x.json").write_text(json.dumps(ROWS)[:-1])
    assert isinstance(list(records(path, source="x.json"))[-1][1], RowError)


def test_a_fault_at_a_lines_end_has_that_lines_column(tmp_path: Path) -> None:
    """The line break behind an object without its brace counted as another line, and the column was 1."""
    (path := tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 2\n{"a": 3}\n')
    [_, (_, fault), _] = records(path, source="x.jsonl")
    assert isinstance(fault, RowError)
    assert fault.what.endswith("at column 8")


def test_blank_lines_do_not_count_as_rows_but_keep_the_line_numbers(tmp_path: Path) -> None:
    (path := tmp_path / "x.jsonl").write_text('\n{"a": 1}\n\n{"a": 2}\n\n')
    assert list(records(path, source="x.jsonl")) == [(2, {"a": 1}), (4, {"a": 2})]


def test_hostile_json_is_a_fault_of_its_row(tmp_path: Path) -> None:
    (path := tmp_path / "x.jsonl").write_text("[" * 200_000 + "\n" + '{"a": ' + "9" * 5000 + "}\n")
    # A line that begins with a bracket makes the file a list: it ends at its first element.
    assert isinstance(next(records(path, source="x.jsonl"))[1], RowError)
    path.write_text('{"a": 1}\n{"a": ' + "9" * 5000 + "}\n" + '{"a": ' + "[" * 200_000 + "\n")
    faults = [row for row, record in records(path, source="x.jsonl") if isinstance(record, RowError)]
    assert faults == [2, 3]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"Task/2": {"prompt": "a", "completion": "b"}}, indent=1),
        json.dumps({"version": 1, "data": [{"question": "q", "answer": "a"}]}, indent=1),
        json.dumps({"question": "q", "answer": "a"}, indent=1),
    ],
    ids=["objects", "a list inside", "one row"],
)
def test_valid_json_that_is_no_list_is_called_valid(tmp_path: Path, content: str) -> None:
    """It was called "not JSON", a line at a time."""
    (path := tmp_path / "rows.json").write_text(content)
    [(_, fault)] = records(path, source="rows.json")
    assert isinstance(fault, RowError)
    assert "valid JSON, but one object" in fault.what
    assert fault.ends_file
