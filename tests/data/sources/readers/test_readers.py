"""Every format gives the same rows, and a file that cannot be read says why."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from bench.data import micro
from bench.data.formats.fields import RowError, not_an_object
from bench.data.sources.readers import json_rows, readers
from bench.data.sources.readers.readers import records
from bench.errors import InputError
from bench.suite.tables.data import FILE_SUFFIXES, MICRO_SOURCES

ROWS = [{"question": f"What is {n}?\nSay it, please.", "answer": f'"{n}" é \u2028 {"x" * n}'} for n in range(50)]


def _json(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")


def _compact(path: Path) -> None:
    path.write_text("\ufeff \n" + json.dumps(ROWS, ensure_ascii=False), encoding="utf-8")


def _lines(path: Path) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8", newline="\n")


def _crlf(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\r\n" for row in ROWS), encoding="utf-8", newline="")


def _csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["question", "answer"])
        writer.writeheader()
        writer.writerows(ROWS)


def _tsv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["question", "answer"], delimiter="\t")
        writer.writeheader()
        writer.writerows(ROWS)


def _gzipped(write: Callable[[Path], None]) -> Callable[[Path], None]:
    def compressed(path: Path) -> None:
        write(path)
        path.write_bytes(gzip.compress(path.read_bytes()))

    return compressed


def _parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=7)


def _arrow(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table, max_chunksize=9)


WRITERS: list[tuple[str, Callable[[Path], None]]] = [
    ("rows.json", _json),
    ("bom.json", _compact),
    ("rows.jsonl", _lines),
    ("lines-in.json", _lines),
    ("list-in.jsonl", _json),
    ("crlf.jsonl", _crlf),
    ("rows.csv", _csv),
    ("rows.tsv", _tsv),
    ("rows.jsonl.gz", _gzipped(_lines)),
    ("rows.csv.gz", _gzipped(_csv)),
    ("rows.parquet", _parquet),
    ("rows.arrow", _arrow),
]


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_all_formats_give_the_same_rows(
    tmp_path: Path, name: str, write: Callable[[Path], None], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the size of the blocks in which a JSON list is read."""
    monkeypatch.setattr(json_rows, "_BLOCK", block)
    write(path := tmp_path / name)
    assert list(records(path, source=name)) == list(enumerate(ROWS, start=1))


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    (path := tmp_path / name).write_bytes(b"no such thing" * 10)
    with pytest.raises(InputError, match="not a"):
        list(records(path, source=name))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "x.jsonl").write_bytes(b'{"question": "caf\xe9", "answer": "a"}\n')
    with pytest.raises(InputError, match="not UTF-8 text: byte 0xe9"):
        list(records(path, source="x.jsonl"))


def test_every_source_that_a_suite_may_name_can_be_read() -> None:
    assert set(FILE_SUFFIXES) == {*readers.READERS, ".gz"}
    assert set(MICRO_SOURCES) == set(micro.ROW_SETS)


def test_arrows_file_layout_is_read_like_its_stream(tmp_path: Path) -> None:
    table = pa.table({"question": ["q1", "q2"], "answer": ["a", "b"]})
    path = tmp_path / "x.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    assert list(records(path, source="x")) == list(enumerate(table.to_pylist(), start=1))


@pytest.mark.parametrize(
    ("name", "content", "says", "first"),
    [
        ("a.csv", "prompt,completion,prompt\n1,2,3\n", "the header names column `prompt` twice", 1),
        ("a.tsv", "a\ta\n1\t2\n", "the header names column `a` twice", 1),
        ("a.jsonl", '{"a": 1}\n{"a": 1, "a": 2}\n', "field `a` is there twice, with different values", 2),
        ("a.jsonl", '{"a": 1}\n{"m": [{"c": "x", "c": "y"}]}\n', "field `c` is there twice", 2),
        ("a.json", '[{"a": 1}, {"a": 1, "a": 2}, {"a": 3}]', "field `a` is there twice", 2),
    ],
)
def test_a_field_that_is_there_twice_is_a_fault(tmp_path: Path, name: str, content: str, says: str, first: int) -> None:
    """Readers keep the last of the two in silence."""
    (path := tmp_path / name).write_text(content)
    faults = [(row, record.what) for row, record in records(path, source=name) if isinstance(record, RowError)]
    assert [row for row, _ in faults] == [first]
    assert faults[0][1].startswith(says)


def test_a_field_that_is_there_twice_with_one_value_and_columns_without_a_name_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1, "a": 1}\n')
    (tmp_path / "a.csv").write_text("a,,\n1,,\n")
    assert [record for _, record in records(tmp_path / "a.jsonl", source="a")] == [{"a": 1}]
    assert [record for _, record in records(tmp_path / "a.csv", source="a")] == [{"a": "1", "": ""}]


@pytest.mark.parametrize(
    ("name", "content", "what", "hint"),
    [
        ("a.csv", "question;answer\nq;a\n", "cells are apart by ';'", "with commas"),
        ("a.csv", "question\tanswer\nq\ta\n", r"cells are apart by '\t'", "with commas"),
        ("a.tsv", "question,answer\nq,a\n", "cells are apart by ','", "with tabs"),
        ("a.tsv", 'question\tanswer\nq\t"a\nq\tb\n', "unexpected end of data", 'begins with " must end with one'),
        ("a.tsv", "question\tanswer\nq\ta\tb\n", "more cells", "quote cells with tabs"),
        ("a.jsonl", '["q", "a"]\n["q", "b"]\n', "this is a list", "one JSON object per line"),
        ("a.jsonl", '[{"question": "q", "answer": "a"}]\n[{"question": "r", "answer": "b"}]\n', "this is a list",
         "one JSON object per line"),
        ("a.json", '[\n{"question": "q", "answer": "a"}\n] [1]\n', "more text behind the list", "one list of objects"),
    ],
)  # fmt: skip
def test_a_file_in_another_layout_is_told_what_to_change(
    tmp_path: Path, name: str, content: str, what: str, hint: str
) -> None:
    """Of lists line by line the first was read alone; a separator was not named, and tabs were called commas."""
    (tmp_path / name).write_text(content)
    faults = [record for _, record in records(tmp_path / name, source="a") if isinstance(record, RowError)]
    lists = [record for _, record in records(tmp_path / name, source="a") if isinstance(record, list)]
    faults += [not_an_object(record) for record in lists]
    assert faults
    assert what in faults[0].what
    assert hint in (faults[0].hint or "")
