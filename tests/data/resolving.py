"""Small files of rows, their resolution, and the problems that it finds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import DataSpec, Select


def numbered_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"instruction": f"Do {n}.", "input": "", "output": f"Done {n}."} for n in range(start, start + count)]


def write_rows(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def spec_of(source: str = "rows.jsonl", **select: Any) -> DataSpec:
    return DataSpec(source=source, select=Select.model_validate(select))


def resolve_below(folder: Path, specs: Mapping[str, DataSpec]) -> dict[str, ResolvedData]:
    return resolve_data(specs, base=folder, home=folder / "home")


def problems_of(tmp_path: Path, specs: Mapping[str, DataSpec]) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        resolve_below(tmp_path, specs)
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    assert left == [], "nothing half-written"
    return caught.value.problems


def answers_of(data: ResolvedData) -> list[str]:
    return [row.answer for row in load_rows(data.path)]
