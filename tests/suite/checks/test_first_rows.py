"""A misspelt column costs a message, not a run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bench.suite.checks.first_rows import column_names

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
        ("rows.parquet", "PAR1", None),
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
