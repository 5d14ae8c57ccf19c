"""Sources on this machine: files, folders, saved data sets and their splits."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from bench.data.sources.files import files_of, kind_of
from bench.data.sources.readers.readers import records
from bench.errors import InputError
from bench.suite.tables.data import DataSpec
from tests.data.sources.readers.test_readers import ROWS


def test_a_saved_data_set_folder_is_read_in_its_own_order(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved", num_shards=3)
    files = files_of(tmp_path / "saved", source="saved", where="data.a.source")
    assert len(files) == 3
    assert [record for file in files for _, record in records(file, source="saved")] == ROWS


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
