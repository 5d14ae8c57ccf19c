"""Rows of local task files read straight must be those that `datasets` would give."""

import json
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from bench.evals.lm_eval.tasks.local_rows import with_local_rows

ROWS = [
    {"text": "one", "label": 1, "options": ["a", "b"]},
    {"text": "zwei\u2028drei", "label": 0, "options": []},
    {"text": "", "label": None, "options": ["c"]},
]


def write(folder: Path, form: str) -> str:
    if form == "jsonl":
        (folder / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))
    elif form == "json":
        (folder / "rows.json").write_text(json.dumps(ROWS))
    elif form == "csv":
        (folder / "rows.csv").write_text('text,label\none,1\n"zwei, drei",0\n')
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "rows.parquet")
    return f"rows.{form}"


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
def test_rows_are_those_of_datasets(tmp_path: Path, form: str) -> None:
    """A task must not change its examples because they were read another way."""
    name = write(tmp_path, form)
    path = "json" if form == "jsonl" else form
    config = {"dataset_path": path, "dataset_kwargs": {"data_files": {"test": name}}, "test_split": "test"}
    changed = with_local_rows(config, tmp_path)
    found = changed["custom_dataset"](version=1.0)["test"]
    expected = datasets.load_dataset(
        path, data_files={"test": str(tmp_path / name)}, cache_dir=str(tmp_path / "cache")
    )["test"]
    assert found.to_list() == expected.to_list()
    assert found.column_names == expected.column_names


def test_a_key_that_the_first_row_lacks_is_kept(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": 2, "b": 3}\n')
    config = with_local_rows({"dataset_path": "json", "dataset_kwargs": {"data_files": "rows.jsonl"}}, tmp_path)
    assert config["custom_dataset"]()["train"].to_list() == [{"a": 1, "b": None}, {"a": 2, "b": 3}]


@pytest.mark.parametrize(
    "config",
    [
        {"dataset_path": "tatsu-lab/alpaca"},
        {"dataset_path": "json", "dataset_kwargs": {"data_files": "https://example.org/rows.jsonl"}},
        {"dataset_path": "json", "dataset_kwargs": {"data_files": "*.jsonl"}},
        {"dataset_path": "json"},
    ],
)
def test_what_lies_elsewhere_is_left_to_datasets(tmp_path: Path, config: dict[str, object]) -> None:
    assert with_local_rows(config, tmp_path) == config


def test_other_forms_are_read_by_datasets_within_our_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job writes only under its own directories."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    config = with_local_rows({"dataset_path": "text", "dataset_kwargs": {"data_files": "rows.txt"}}, tmp_path)
    assert config["dataset_kwargs"] == {
        "data_files": {"train": [str(tmp_path / "rows.txt")]},
        "cache_dir": str(tmp_path / "home" / "datasets"),
    }
