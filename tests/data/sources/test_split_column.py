"""Rows of one file that name their split: one split is read, or the file is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.resolve import resolve_data
from bench.data.sources.read import read
from bench.data.sources.source import Source
from bench.data.sources.table import RowTable
from bench.errors import Problem
from bench.suite.checks.data.data_tables import data_problems
from bench.suite.tables.data import DataSpec


def _read(
    folder: Path, splits: Sequence[object], column: str = "split", **rules: Any
) -> tuple[RowTable, list[Problem]]:
    path = folder / "rows.jsonl"
    rows = [{"prompt": f"Q{n}", "completion": "A", column: split} for n, split in enumerate(splits)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = Source(
        label=path.name, origin=path.name, files=(path,), columns=None, revision=None, sha256="0", rules=Rules(**rules)
    )
    table = RowTable(path.name, folder)
    return table, read(table, source)


def test_rows_of_several_splits_are_not_learned_together_unless_the_suite_says_so(tmp_path: Path) -> None:
    """Half of the rows said `"split": "test"` and were trained on without a word."""
    splits = ["test", "train", "train", "Train"]
    _, [problem] = _read(tmp_path, splits)
    assert "train (2), test (1), Train (1)" in problem.what
    assert problem.hint == 'split = "train" takes one of them, ignore = ["split"] takes all'
    table, problems = _read(tmp_path, splits, split="train")
    assert (problems, len(table), table.dropped) == ([], 3, {"split is test": 1})
    assert _read(tmp_path, splits, split="test", slices=("split",))[0].dropped == {
        "split is train": 2,
        "split is Train": 1,
    }
    for reads in ({"ignore": frozenset({"split"})}, {"slices": ("split",)}):
        table, problems = _read(tmp_path, splits, **reads)
        assert (problems, len(table)) == ([], 4)


@pytest.mark.parametrize(
    ("column", "values"), [("partition", ["train", "test"]), ("is_test", [False, True]), ("is_validation", ["0", "1"])]
)
def test_a_split_may_be_told_by_a_flag_or_in_another_column(tmp_path: Path, column: str, values: list[object]) -> None:
    _, [problem] = _read(tmp_path, values, column)
    assert f"column `{column}`" in problem.what
    assert f'ignore = ["{column}"]' in str(problem.hint)
    table, problems = _read(tmp_path, values, column, split="train")
    assert (problems, len(table), table.notes) == ([], 1, {})
    assert _read(tmp_path, [values[1]] * 2, column)[1] == [], "an eval's file of test rows"


@pytest.mark.parametrize("column", ["subset", "set", "fold", "train_test", "Split", "phase"])
def test_a_column_that_holds_nothing_but_names_of_splits_tells_them(tmp_path: Path, column: str) -> None:
    """They were no word, or a column that nothing reads, and the test rows were learned."""
    _, [problem] = _read(tmp_path, ["train", "test", None, "Train"], column)
    assert f"column `{column}`" in problem.what
    assert ("renamed" in str(problem.hint)) == (column in ("Split", "phase"))
    assert _read(tmp_path, ["train", "test"], column, ignore=frozenset({column}))[1] == []
    for other in (["train", "math"], ["test", "dev"], ["train", "train"], [0, 1]):
        assert _read(tmp_path, other, column)[1] == [], "of another meaning, or no rows to train on among others"
    if column not in ("Split", "phase"):
        assert len(_read(tmp_path, ["train", "test"], column, split="train")[0]) == 1


def test_a_slice_of_a_split_is_of_that_split(tmp_path: Path) -> None:
    _, [problem] = _read(tmp_path, ["train[:50%]", "test[50%:]"])
    assert "train[:50%] (1)" in problem.what


@pytest.mark.parametrize("splits", [["test", "test"], ["train", "TRAINING"], ["algebra", "geometry"], [None, "train"]])
def test_rows_of_one_split_and_values_of_another_meaning_are_read(tmp_path: Path, splits: list[object]) -> None:
    """An eval reads a file of test rows."""
    table, problems = _read(tmp_path, splits)
    assert (problems, len(table)) == ([], 2)


def test_a_split_that_no_row_is_of_is_refused(tmp_path: Path) -> None:
    _, [problem] = _read(tmp_path, ["test", "test"], split="train")
    assert "split is test (2)" in problem.what


def test_a_suite_takes_the_split_of_a_file(tmp_path: Path) -> None:
    _read(tmp_path, ["test", "train", "dev"])
    (tmp_path / "none.jsonl").write_text('{"prompt": "Q", "completion": "A"}\n')
    given = DataSpec(source="rows.jsonl", split="dev")
    assert list(data_problems(given, "data.d", tmp_path)) == []
    [problem] = data_problems(given.model_copy(update={"source": "none.jsonl"}), "data.d", tmp_path)
    assert "name no split in a column" in problem.what
    found = resolve_data({"d": given, "t": DataSpec(source="rows.jsonl", split="test")}, base=tmp_path, home=tmp_path)
    assert [found[name].rows for name in ("d", "t")] == [1, 1]
