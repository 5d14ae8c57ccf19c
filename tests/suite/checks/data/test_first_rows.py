"""A misspelt column costs a message, not a run."""

import gzip
import json
from pathlib import Path

import pytest

from bench.suite.checks.data.first_rows import column_names, is_without_rows

ROWS = [{"q": "1", "a": "x"}, {"q": "2", "a": "y", "note": "z"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("rows.jsonl", LINES, ("q", "a", "note")),
        ("rows.json", json.dumps(ROWS), ("q", "a", "note")),
        ("rows.json", json.dumps({"version": 1, "data": ROWS}), ("q", "a", "note")),
        ("rows.csv", '\ufeffq,"a, b"\n1,2\n', ("q", "a, b")),
        ("rows.tsv", "q\ta\n1\t2\n", ("q", "a")),
        ("rows.csv", "", None),
        ("rows.jsonl", "{broken\n", None),
        ("rows.json", "[", None),
        ("rows.json", "[1, 2]", None),
        ("rows.json", LINES, ("q", "a", "note")),
        ("rows.parquet", "PAR1", None),
        ("rows.arrow", "ARROW1", None),
    ],
)
def test_the_names_of_the_first_rows(tmp_path: Path, name: str, content: str, names: tuple[str, ...] | None) -> None:
    (tmp_path / name).write_text(content)
    assert column_names(tmp_path / name) == names


def test_a_compressed_file_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    assert column_names(tmp_path / "rows.jsonl.gz") == ("q", "a", "note")
    (tmp_path / "rows.jsonl.gz").write_bytes(b"no gzip")
    assert column_names(tmp_path / "rows.jsonl.gz") is None


def test_a_folder_has_the_columns_of_its_files(tmp_path: Path) -> None:
    """A misspelt column of a folder passed `validate`."""
    parquet = pytest.importorskip("pyarrow.parquet")
    feather = pytest.importorskip("pyarrow.feather")
    import pyarrow

    (tmp_path / "lines" / "sub").mkdir(parents=True)
    (tmp_path / "lines" / "train-0.jsonl").write_text(LINES)
    (tmp_path / "lines" / "sub" / "train-1.jsonl").write_text('{"q": "3", "other": 1}\n')
    (tmp_path / "lines" / "dataset_info.json").write_text('{"features": {}}')
    assert column_names(tmp_path / "lines") == ("q", "other", "a", "note")
    table = pyarrow.Table.from_pylist(ROWS, schema=pyarrow.schema([("q", pyarrow.string()), ("a", pyarrow.string())]))
    (tmp_path / "tables").mkdir()
    parquet.write_table(table, tmp_path / "tables" / "0.parquet")
    assert column_names(tmp_path / "tables" / "0.parquet") == column_names(tmp_path / "tables") == ("q", "a")
    feather.write_feather(table, tmp_path / "0.arrow", compression="uncompressed")
    assert column_names(tmp_path / "0.arrow") == ("q", "a")
    with pyarrow.OSFile(str(tmp_path / "1.arrow"), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    assert column_names(tmp_path / "1.arrow") == ("q", "a")
    (tmp_path / "lines" / "broken.jsonl").write_text("{")
    assert column_names(tmp_path / "lines") is None, "reading says what is wrong"


@pytest.mark.parametrize(
    ("name", "content", "empty"),
    [
        ("rows.parquet", "", True),
        ("rows.jsonl", "\n \n", True),
        ("rows.json", " []\n", True),
        ("rows.csv", "q,a\n\n", True),
        ("rows.tsv", "q\ta\n", True),
        ("rows.jsonl", LINES, False),
        ("rows.jsonl", "\n{broken", False),
        ("rows.json", json.dumps(ROWS), False),
        ("rows.json", "[", False),
        ("rows.csv", "q,a\n1,2\n", False),
        ("rows.txt", "a text", False),
    ],
)
def test_a_file_without_rows_is_known_before_any_work(tmp_path: Path, name: str, content: str, empty: bool) -> None:
    """Alone, packed, and as all that a folder holds."""
    (tmp_path / name).write_text(content)
    assert is_without_rows(tmp_path / name) is empty
    assert is_without_rows(tmp_path) is (empty and not name.endswith("txt"))
    if name.endswith((".jsonl", ".csv", ".tsv")):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        assert is_without_rows(tmp_path / f"{name}.gz") is empty
