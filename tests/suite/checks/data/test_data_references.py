"""A control that draws from another table's source must follow that source, and never loop."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from bench.suite.tables.suite import Suite
from tests.fakes.suite_files import write_rows, write_suite


def refused(path: Path) -> list[tuple[str, str | None]]:
    with pytest.raises(InputError) as caught:
        load_suite(path)
    return [(problem.reference, problem.where) for problem in caught.value.problems]


def test_references_take_the_source_over_and_keep_their_own_selection(tmp_path: Path) -> None:
    columns = 'columns = { prompt = "instruction", completion = "output" }'
    source = 'source = "rows.jsonl"'
    path = write_suite(tmp_path, replace={source: f"{source}\n{columns}"})
    suite = load_suite(path).suite
    assert suite.data["other"].source == "rows.jsonl"
    assert suite.data["other"].columns == suite.data["rows"].columns is not None
    assert suite.data["other"].select.by == "random"
    heldout = suite.eval[1]
    assert heldout.kind == "loss"
    assert (heldout.data.source, heldout.data.select.by) == ("rows.jsonl", "holdout")


def test_overriding_the_source_moves_every_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)
    moved = write_rows(tmp_path / "moved.jsonl")
    suite = load_suite(path, overrides=["data.rows.source=moved.jsonl"]).suite
    sources = {suite.data["rows"].source, suite.data["other"].source, suite.eval[1].data.source}  # type: ignore[union-attr]
    assert sources == {str(moved)}


def test_a_chain_ends_at_the_real_source(tmp_path: Path) -> None:
    path = write_suite(
        tmp_path,
        replace={
            "[data.other]": '[data.between]\nsource = "data:rows"\n[data.other]',
            'source = "data:rows"\nselect': 'source = "data:between"\nselect',
        },
    )
    assert {spec.source for spec in load_suite(path).suite.data.values()} == {"rows.jsonl"}


def test_a_circle_is_refused(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={'source = "rows.jsonl"': 'source = "data:other"'})
    found = refused(path)
    assert ("suite.reference", "data.rows.source") in found
    assert ("suite.reference", "eval[1].data.source") in found


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={"data:rows": "data:row"})
    assert refused(path) == [("suite.unknown-name", "data.other.source")]


def test_a_reference_cannot_describe_the_source_again(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={'source = "data:rows"': 'source = "data:rows"\nsplit = "test"'})
    assert refused(path) == [("suite.reference", "data.other.split")]


@pytest.mark.filterwarnings("error")
def test_columns_that_an_eval_takes_over_are_written_and_read_again(tmp_path: Path) -> None:
    """The suite of a record is its JSON; an eval that asks has a type of columns of its own."""
    asked = '[[eval]]\nname = "asks"\nkind = "generation"\nmetrics = ["exact_match"]\ndata = { source = "data:rows" }\n'
    columns = 'columns = { prompt = "instruction", completion = "output" }'
    source = 'source = "rows.jsonl"'
    path = write_suite(tmp_path, replace={source: f"{source}\n{columns}"})
    path.write_text(f"{path.read_text()}\n{asked}")
    suite = load_suite(path).suite
    assert Suite.model_validate_json(suite.model_dump_json()) == suite
    path.write_text(path.read_text().replace(columns, 'columns = { text = "output" }'))
    assert ("data.columns", "eval[2].data.source") in refused(path)
