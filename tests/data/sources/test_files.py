"""Reading: every format gives the same rows, and what cannot be read is named by row."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from bench.data import micro
from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError, not_an_object
from bench.data.sources.files import files_of, kind_of
from bench.data.sources.read import Source, read
from bench.data.sources.readers import json_rows, readers
from bench.data.sources.readers.readers import records
from bench.data.sources.table import RowTable
from bench.errors import InputError
from bench.suite.tables.data import FILE_SUFFIXES, MICRO_SOURCES, DataSpec

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


def test_a_saved_data_set_folder_is_read_in_its_own_order(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved", num_shards=3)
    files = files_of(tmp_path / "saved", source="saved", where="data.a.source")
    assert len(files) == 3
    assert [record for file in files for _, record in records(file, source="saved")] == ROWS


def test_a_long_csv_cell_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("question,answer\nq," + "a" * 200_000 + "\n")
    [(_, record)] = records(path, source="long.csv")
    assert len(record["answer"]) == 200_000


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


def test_a_csv_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    (path := tmp_path / "x.csv").write_text("question,answer\nq,a\nq,a,b\n")
    found = dict(records(path, source="x.csv"))
    assert found[1] == {"question": "q", "answer": "a"}
    assert isinstance(found[2], RowError)


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


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("micro:curated", "micro"),
        ("GAIR/lima", "hub"),
        ("squad", "hub"),
        ("there.json", "file"),
        ("gone.jsonl", "file"),
        ("../up/data", "file"),
        ("folder", "file"),
        ("three/part/name", "file"),
    ],
)
def test_a_source_is_local_where_it_is_or_looks_so(tmp_path: Path, source: str, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    assert kind_of(DataSpec(source=source), tmp_path) == kind


def _texts(folder: Path, **where: str) -> list[object]:
    files = files_of(folder, source="f", where="data.a.source", **where)
    return [record["question"] for file in files for _, record in records(file, source="f")]


def test_a_folder_of_files_is_read_by_path_without_its_notes(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/z.jsonl", "a/y.json", ".cache/x.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"question": name, "answer": "a"}) + "\n")
    (tmp_path / "dataset_info.json").write_text('{"features": {}}')
    (tmp_path / "README.md").write_text("x")
    assert _texts(tmp_path) == ["a/y.json", "a/z.jsonl", "b.jsonl"]
    (tmp_path / "c.csv").write_text("question,answer\nc,a\n")
    with pytest.raises(InputError, match=r"several formats: \.csv, \.json, \.jsonl"):
        _texts(tmp_path)


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="without data files"):
        _texts(tmp_path)


def test_one_split_of_a_saved_data_set_is_taken(tmp_path: Path) -> None:
    for split in ("train", "test"):
        table = pa.table({"question": [split], "answer": ["a"]})
        (tmp_path / split).mkdir()
        with (
            pa.OSFile(str(tmp_path / split / "data-0.arrow"), "wb") as file,
            pa.ipc.new_stream(file, table.schema) as out,
        ):
            out.write_table(table)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert _texts(tmp_path) == ["train"]
    assert _texts(tmp_path, split="test") == ["test"]
    with pytest.raises(InputError, match="no split 'tset'"):
        _texts(tmp_path, split="tset")


def test_arrows_file_layout_is_read_like_its_stream(tmp_path: Path) -> None:
    table = pa.table({"question": ["q1", "q2"], "answer": ["a", "b"]})
    path = tmp_path / "x.arrow"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    assert list(records(path, source="x")) == list(enumerate(table.to_pylist(), start=1))


@pytest.mark.parametrize(
    ("names", "split", "read"),
    [
        (("train.jsonl", "test.jsonl"), "train", ["train.jsonl"]),
        (("train.jsonl", "test.jsonl"), "test", ["test.jsonl"]),
        (("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/validation.jsonl"), "train",
         ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"]),
        (("train/a.jsonl", "dev/a.jsonl"), "validation", ["dev/a.jsonl"]),
        (("my_eval_set.jsonl", "my_train_set.jsonl"), "train", ["my_train_set.jsonl"]),
        (("attest.jsonl", "trainers.jsonl"), "train", ["attest.jsonl", "trainers.jsonl"]),
        (("train_sft.jsonl", "test_sft.jsonl"), "train", ["train_sft.jsonl"]),
        (("train_sft.jsonl", "train_gen.jsonl", "test_sft.jsonl"), "train_sft", ["train_sft.jsonl"]),
        (("dev-sft.jsonl", "dev-gen.jsonl"), "validation_sft", ["dev-sft.jsonl"]),
        (("trainset.jsonl", "testset.ndjson"), "test", ["testset.ndjson"]),
        (("trainset.jsonl", "testset.jsonl"), "train", ["trainset.jsonl"]),
        (("sft-00000-of-00001.jsonl", "gen-00000-of-00001.jsonl"), "gen", ["gen-00000-of-00001.jsonl"]),
        (("data-00000-of-00002.jsonl", "data-00001-of-00002.jsonl"), "train",
         ["data-00000-of-00002.jsonl", "data-00001-of-00002.jsonl"]),
        (("x.train.jsonl", "tests/x.jsonl"), "train", ["x.train.jsonl"]),
        (("train1.jsonl", "train_part2.jsonl", "train-00000-of-00009-4b1f3c5d7e9a.jsonl"), "train",
         ["train-00000-of-00009-4b1f3c5d7e9a.jsonl", "train1.jsonl", "train_part2.jsonl"]),
    ],
)  # fmt: skip
def test_a_folder_named_after_splits_gives_one_split(
    tmp_path: Path, names: tuple[str, ...], split: str, read: list[str]
) -> None:
    """As `datasets` does: whoever trains on a folder that holds its own test rows would never know."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"question": name, "answer": "a"}) + "\n")
    assert _texts(tmp_path, split=split) == read


def test_a_split_that_a_folder_lacks_and_a_file_of_no_split_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    with pytest.raises(InputError, match="no split 'test', but 'train'"):
        _texts(tmp_path, split="test")
    (tmp_path / "extra.jsonl").write_text('{"question": "q", "answer": "a"}\n')
    with pytest.raises(InputError, match=r"extra\.jsonl, which names none"):
        _texts(tmp_path)


@pytest.mark.parametrize(
    ("names", "split", "hint"),
    [
        (("rows.jsonl", "rows_test.jsonl", "dev-set.jsonl"), "train",
         'name the file that is of no split: source = "f/rows.jsonl"'),
        (("a.jsonl", "b.jsonl", "test.jsonl"), "train", "name the file with the rows for 'train' as source"),
        (("train.jsonl", "dev.jsonl"), "test", "name the file with the rows for 'test' as source"),
        (("rows.jsonl", "train.jsonl"), "test", "name the file with the rows for 'test' as source"),
        (("train.jsonl", "dev.jsonl"), "trian", "did you mean 'train'?"),
        (("rows.jsonl", "tests/rows.jsonl"), "train", 'name the file that is of no split: source = "f/rows.jsonl"'),
        (("train_sft.jsonl", "train_gen.jsonl"), "train",
         'split = "train_gen" takes one, or name a file as source; a mix draws from several tables'),
        (("train_sft.jsonl", "train.jsonl"), "train",
         'split = "train_sft" takes one, or name a file as source; a mix draws from several tables'),
        (("sft-00000-of-00001.jsonl", "gen-00000-of-00001.jsonl"), "train",
         'split = "gen" takes one; a mix draws from several tables'),
        (("train_sft.jsonl", "test_sft.jsonl"), "train_stf", "did you mean 'train_sft'?"),
    ],
)  # fmt: skip
def test_no_other_split_is_offered_for_one_that_a_folder_lacks(
    tmp_path: Path, names: tuple[str, ...], split: str, hint: str
) -> None:
    """The hint was to train on the rows of another split, be they the test's."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('{"question": "q", "answer": "a"}\n')
    with pytest.raises(InputError) as caught:
        _texts(tmp_path, split=split)
    assert [problem.hint for problem in caught.value.problems] == [hint]


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


def test_blanks_around_the_names_of_csv_columns_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt, completion \nQ, A\n")
    assert [record for _, record in records(tmp_path / "a.csv", source="a")] == [{"prompt": "Q", "completion": " A"}]


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
