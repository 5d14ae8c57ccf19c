"""Rows of a local task, read straight from its files.

Contract: what `datasets.load_dataset` would give for local JSON, JSON Lines, CSV and Parquet files, without copying
them into a cache first: nothing is written, and a few hundred rows take milliseconds.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow.csv
import pyarrow.parquet

from bench import places
from bench.errors import InputError, Problem
from bench.suite.checks.task_files.data_files import FORMATS, ROW_FILES

Splits = dict[str, datasets.Dataset]


def with_local_rows(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A task config that reads local data files itself; relative paths start at `folder`. Others stay as they are."""
    arguments = dict(config.get("dataset_kwargs") or {})
    form = config.get("dataset_path")
    files = _files(arguments.get("data_files"), folder)
    if form not in FORMATS or files is None:
        return dict(config)
    if form in _READERS and set(arguments) == {"data_files"}:
        return {**config, "dataset_kwargs": None, "custom_dataset": _reader(form, files)}
    arguments["data_files"] = {split: [str(file) for file in listed] for split, listed in files.items()}
    arguments["cache_dir"] = str(places.home() / "datasets")
    return {**config, "dataset_kwargs": arguments}


def with_rows_of(config: Mapping[str, Any], task: str, folder: Path) -> dict[str, Any]:
    """A task config whose evaluated split is the rows of `folder`'s file of the task's name; no other split remains.

    Raises `InputError` where there is no such file, or more than one.
    """
    files = [file for suffix in ROW_FILES for file in [folder / f"{task}{suffix}"] if file.is_file()]
    if len(files) != 1:
        what = f"there is no {task}.jsonl in the folder of rows" if not files else f"task {task} has rows in two files"
        hint = f"the rows of {config.get('dataset_path')}, in a file named after the task"
        raise InputError(Problem(reference="tasks.rows", what=what, where=str(folder), hint=hint))
    split = config.get("test_split") or config.get("validation_split") or "test"
    gone = dict.fromkeys(("training_split", "validation_split", "fewshot_split", "dataset_kwargs"))
    read = _reader(ROW_FILES[files[0].suffix], {split: (files[0],)})
    return {**config, **gone, "test_split": split, "custom_dataset": read}


def _files(named: Any, folder: Path) -> dict[str, tuple[Path, ...]] | None:
    """Files by split; `None` where some are patterns or elsewhere than on this machine."""
    if not named:
        return None
    splits = named if isinstance(named, Mapping) else {"train": named}
    listed = {split: [files] if isinstance(files, str) else list(files) for split, files in splits.items()}
    if any("://" in file or "*" in file for files in listed.values() for file in files):
        return None
    return {split: tuple(folder / file for file in files) for split, files in listed.items()}


def _reader(form: str, splits: Mapping[str, tuple[Path, ...]]) -> Callable[..., Splits]:
    """A function that lm-eval calls for a task's dataset, whatever else it passes."""

    def read(**_: Any) -> Splits:
        return {
            split: datasets.concatenate_datasets([_read(form, file) for file in files])
            for split, files in splits.items()
        }

    return read


def _read(form: str, file: Path) -> datasets.Dataset:
    if not file.is_file():
        raise _problem("tasks.missing-file", f"the task's data file {file.name} does not exist", str(file))
    rows = _READERS[form](file)
    if not len(rows):
        raise _problem("tasks.empty-file", f"the task's data file {file.name} has no rows", str(file))
    return rows


def _read_json(file: Path) -> datasets.Dataset:
    text = file.read_text(encoding="utf-8")
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else _json_lines(text)
    except json.JSONDecodeError as error:
        raise _problem("tasks.not-json", f"not JSON: {error}", str(file)) from error
    if not all(isinstance(row, dict) for row in rows):
        raise _problem("tasks.not-rows", "each row must be a JSON object", str(file))
    columns = dict.fromkeys(key for row in rows for key in row)
    return datasets.Dataset.from_dict({key: [row.get(key) for row in rows] for key in columns})


def _json_lines(text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise json.JSONDecodeError(f"row {number}: {error.msg}", line, error.pos) from None
    return rows


def _read_csv(file: Path) -> datasets.Dataset:
    return datasets.Dataset(pyarrow.csv.read_csv(file))


def _read_parquet(file: Path) -> datasets.Dataset:
    return datasets.Dataset(pyarrow.parquet.read_table(file))


_READERS: dict[str, Callable[[Path], datasets.Dataset]] = {
    "json": _read_json,
    "csv": _read_csv,
    "parquet": _read_parquet,
}


def _problem(reference: str, what: str, where: str) -> InputError:
    return InputError(Problem(reference=reference, what=what, where=where, hint="fix or replace the file"))
