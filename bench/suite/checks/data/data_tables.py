"""Whether the files that data tables name are there, and have the columns that are named."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.errors import Problem, did_you_mean
from bench.folder import names_in
from bench.suite.checks.data.first_rows import column_names, is_without_rows
from bench.suite.reading.paths import PATHS, beside
from bench.suite.tables.data import MICRO_SCORE, PERHAPS_SPLITS, SPLIT_COLUMNS, SPLIT_FLAGS, DataSpec

NO_COLUMN = "data.unknown-column"
"""Reference of a column that a file lacks."""

_SPLITS = (*SPLIT_COLUMNS, *PERHAPS_SPLITS, *SPLIT_FLAGS)


def data_problems(spec: DataSpec, where: str, base: Path) -> Iterator[Problem]:
    """A missing file or column, and keys without a meaning for this kind of source."""
    kind, source = spec.source_kind, spec.source or ""
    path = None if kind in ("micro", "mix") else beside(base, source, f"{where}.source")
    is_hub = path is not None and kind == "hub" and not path.exists()
    if path is not None and not is_hub:
        yield from file_problems(path, source, f"{where}.source")
        yield from _column_problems(spec, path, where)
    meaningless = set() if is_hub else {"config", "revision", "split"} & spec.model_fields_set
    columns = None if path is None or path.is_dir() else column_names(path)
    if path is not None and (columns is None or any(name in columns for name in _SPLITS)):
        meaningless -= {"split"}
    for key in sorted(meaningless):
        rows = f", and its rows name no split in a column `{SPLIT_COLUMNS[0]}`" if key == "split" and path else ""
        what = f"{where}.{key} means a hub dataset; {spec.label!r} is none{rows}"
        yield Problem(reference="data.hub-key", what=what, where=f"{where}.{key}", hint="leave it out")
    if kind in ("micro", "mix") and spec.columns is not None:
        what = (
            f"{where}.columns has nothing to map: {'embedded data' if kind == 'micro' else 'a mix'} has its own shape"
        )
        yield Problem(reference="data.columns", what=what, where=f"{where}.columns", hint="leave it out")
    if kind == "micro" and spec.select.column not in (None, MICRO_SCORE):
        what = f"{where}.select.column: embedded data has no scores in {spec.select.column!r}"
        hint = f"use its column of scores: {MICRO_SCORE!r}"
        yield Problem(reference="data.columns", what=what, where=f"{where}.select.column", hint=hint)


def kept_column_problems(spec: DataSpec, columns: Mapping[str, str], where: str, base: Path) -> Iterator[Problem]:
    """Columns that an eval slices or clusters by, by its key, and its local file does not have."""
    if not columns or spec.source_kind != "file":
        return
    path = beside(base, spec.source or "", f"{where}.data.source")
    yield from _lacking(columns, spec.label, path, where)


def file_problems(path: Path, source: str, where: str) -> Iterator[Problem]:
    """A file that is missing, empty or not readable."""
    if not path.exists():
        names = names_in(path.parent)
        hint = did_you_mean(path.name, names) if _similar(path.name, names) else PATHS
        yield Problem(reference="data.missing-file", what=f"there is no file {source}", where=where, hint=hint)
    elif is_without_rows(path):
        yield Problem(reference="data.empty", what=f"{source} holds no rows", where=where, hint="give a file with rows")
    elif not os.access(path, os.R_OK):
        hint = "check its owner and permissions"
        yield Problem(reference="data.unreadable", what=f"{source} may not be read", where=where, hint=hint)


def lacks_columns(spec: DataSpec, base: Path) -> bool:
    """Whether a local file is seen to have none of a column that its table names."""
    return any(_column_problems(spec, beside(base, spec.source or "", ""), ""))


def _column_problems(spec: DataSpec, path: Path, where: str) -> Iterator[Problem]:
    """Columns that the suite names and none of the file's first rows has."""
    columns = {} if spec.columns is None else spec.columns.model_dump(exclude_none=True)
    named = {f"columns.{key}": name for key, name in columns.items() if isinstance(name, str)}
    if spec.select.column is not None:
        named["select.column"] = spec.select.column
    yield from _lacking(named, spec.label, path, where)


def _lacking(named: Mapping[str, str], label: str, path: Path, where: str) -> Iterator[Problem]:
    """A problem for each key whose column no row of the file has."""
    columns_of_file = column_names(path) if named and path.exists() else None
    for key, name in named.items():
        if columns_of_file is not None and name not in columns_of_file:
            what = f"{label} has no column {name!r}"
            hint = did_you_mean(name, columns_of_file)
            yield Problem(reference=NO_COLUMN, what=what, where=f"{where}.{key}", hint=hint)


def _similar(name: str, names: list[str]) -> bool:
    return did_you_mean(name, names).startswith("did you mean")
