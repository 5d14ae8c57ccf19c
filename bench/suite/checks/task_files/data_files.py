"""Local data files of a task: that they are there, that they have rows, and the splits that the task names.

Contract: reads JSON and CSV files up to `MOST_BYTES`, as the run reads them; rows elsewhere are unknown here.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import did_you_mean
from bench.folder import names_in
from bench.suite.checks.task_files.fault import Fault

FORMATS = frozenset({"json", "csv", "parquet", "text", "arrow"})
MOST_BYTES = 64 << 20
"""Larger files are read by the rehearsal alone."""
ROW_FILES = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
"""Suffix of a file with the suite's own rows for a task of lm-eval → its format."""
_SPLITS = ("training_split", "validation_split", "test_split", "fewshot_split")
PlacedRow = tuple[str, Mapping[str, Any]]
"""Where the row is, such as `row 3 of x.jsonl`, and its columns."""


def files_by_split(config: Mapping[str, Any], folder: Path) -> dict[str, list[Path]] | None:
    """Local data files of a task; `None` where its rows are elsewhere, or named by a pattern."""
    arguments = config.get("dataset_kwargs")
    named = arguments.get("data_files") if isinstance(arguments, dict) else None
    if config.get("dataset_path") not in FORMATS or not named:
        return None
    by_split = named if isinstance(named, dict) else {"train": named}
    listed = {str(split): [files] if isinstance(files, str) else files for split, files in by_split.items()}
    if not all(isinstance(files, list) and all(isinstance(file, str) for file in files) for files in listed.values()):
        return None
    if any("://" in file or "*" in file for files in listed.values() for file in files):
        return None
    return {split: [folder / file for file in files] for split, files in listed.items()}


def split_faults(config: Mapping[str, Any], splits: Mapping[str, object] | None) -> Iterator[Fault]:
    """Where a task's rows come from, as far as its keys say."""
    if "class" in config or config.get("custom_dataset") is not None:
        return
    if config.get("dataset_path") is None:
        yield Fault(
            what="dataset_path is missing", hint="json with dataset_kwargs.data_files, or a hub id", about="rows"
        )
    elif config["dataset_path"] in FORMATS and not _arguments(config).keys() & {"data_files", "data_dir"}:
        what, hint = "dataset_kwargs names no data_files", "write dataset_kwargs: {data_files: {test: rows.jsonl}}"
        yield Fault(what=what, hint=hint, about="rows")
    if config.get("test_split") is None and config.get("validation_split") is None:
        what = "neither test_split nor validation_split is given, so that no row is scored"
        hint = "write test_split: " + (next(iter(splits)) if splits else "test")
        yield Fault(what=what, hint=hint, about="rows")
    few_shot = config.get("fewshot_config")
    named = {key: config.get(key) for key in _SPLITS}
    named["fewshot_config.split"] = few_shot.get("split") if isinstance(few_shot, dict) else None
    if splits is None or "split" in _arguments(config):
        return
    for key, split in named.items():
        if isinstance(split, str) and split.partition("[")[0] not in splits:
            what = f"{key} is {split!r}, and data_files has no such split"
            yield Fault(what=what, hint=did_you_mean(split, splits), about="rows")


def scored_rows(config: Mapping[str, Any], by_split: Mapping[str, Sequence[Path]]) -> list[PlacedRow] | None:
    """The rows that the task scores; `None` where that cannot be known here. Raises `ValueError` for a faulty file."""
    split = config.get("test_split") or config.get("validation_split")
    files = by_split.get(str(split))
    readable = files is not None and all(file.stat().st_size <= MOST_BYTES for file in files)
    if not readable or config["dataset_path"] not in _READERS or set(_arguments(config)) != {"data_files"}:
        return None
    read = _READERS[config["dataset_path"]]
    return [row for file in files or () for row in read(file)]


def file_faults(by_split: Mapping[str, Sequence[Path]]) -> Iterator[Fault]:
    """Files that are not there, or empty."""
    for path in dict.fromkeys(path for files in by_split.values() for path in files):
        if not path.is_file():
            hint = did_you_mean(path.name, names_in(path.parent), none="paths are relative to the task file")
            yield Fault(what=f"there is no data file {path.name}", hint=hint, about="rows")
        elif path.stat().st_size == 0:
            yield Fault(what=f"the data file {path.name} is empty", hint="give a file with rows", about="rows")


def _arguments(config: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = config.get("dataset_kwargs")
    return arguments if isinstance(arguments, dict) else {}


def _read_json(file: Path) -> list[PlacedRow]:
    text = file.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        values = list(enumerate(json.loads(text), start=1))
    else:
        values = [(n, _line(line, n)) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    rows: list[PlacedRow] = []
    for number, value in values:
        if not isinstance(value, dict):
            raise ValueError(f"row {number} is no JSON object")
        rows.append((f"row {number} of {file.name}", value))
    return rows


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"row {number} is not JSON: {error.msg}") from None


def _read_csv(file: Path) -> list[PlacedRow]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = [dict(row) for row in csv.DictReader(lines)]
    numbers = {name for name in (rows[0] if rows else ()) if all(_is_number(row.get(name)) for row in rows)}
    return [
        (f"row {number} of {file.name}", {name: int(v) if name in numbers else v for name, v in row.items()})
        for number, row in enumerate(rows, start=2)
    ]


def _is_number(text: str | None) -> bool:
    return text is not None and text.lstrip("-").isdecimal()


_READERS = {"json": _read_json, "csv": _read_csv}
