"""Scores as columns: what a report reads of them, and what becomes of texts that have gone since."""

from pathlib import Path

import pytest

from bench.errors import InputError, Problem
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.evals.score_table import ScoreTable

ROWS = [
    ScoreRow(task="a", id="1", metrics={"acc": 1.0, "f1": None}, prompt="p1", output="o1", cluster="c", weight=2.0),
    ScoreRow(task="b", id="1", metrics={"f1": 0.5}, prompt="p2", slices={"kind": ("x", "y")}),
    ScoreRow(task="a", id="1", metrics={"acc": 0.0}, prompt="p3", output="o3"),
]
REFUSED = InputError(Problem(reference="run.bad-scores", what="torn"))


def written(folder: Path, text: str | None = None) -> Path:
    """The rows as a job leaves them, or `text`."""
    path = folder / "scores.jsonl"
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in ROWS) if text is None else text, encoding="utf-8")
    return path


@pytest.fixture(params=["file", "memory"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> ScoreTable:
    return ScoreTable.of(ROWS) if request.param == "memory" else ScoreTable.read(written(tmp_path), REFUSED)


def test_the_table_is_the_rows(table: ScoreTable) -> None:
    assert list(table) == ROWS
    assert (table[1], table[-1], table[1:]) == (ROWS[1], ROWS[2], ROWS[1:])
    assert table.rows([2, 0]) == [ROWS[2], ROWS[0]]


def test_texts_are_those_of_the_rows(table: ScoreTable) -> None:
    said = [(texts["prompt"], texts.get("output")) for texts in table.texts([2, 1])]
    assert said == [("p3", "o3"), ("p2", None)]


def test_columns_have_what_each_row_has(table: ScoreTable) -> None:
    assert table.examples == (("a", "1"), ("b", "1"), ("a", "1"))
    values, present = table.metrics["f1"]
    assert (values.tolist(), present.tolist()) == ([0.0, 0.5, 0.0], [False, True, False])
    assert (table.weights.tolist(), table.clusters) == ([2.0, 1.0, 1.0], ("c", None, None))
    assert (table.slices[1], table.answered.tolist()) == ({"kind": ("x", "y")}, [True, False, True])


def test_of_an_example_that_is_there_twice_the_last_answer_is_its_own(table: ScoreTable) -> None:
    answers = table.answers([("a", "1"), ("c", "1")])
    assert list(answers) == [("a", "1")]
    answer = answers["a", "1"]
    assert (answer["prompt"], answer.get("output"), answer["metrics"]) == ("p3", "o3", ROWS[2].metrics)


def test_equal_columns_of_two_subjects_are_held_once(tmp_path: Path) -> None:
    first, second = (ScoreTable.read(written(tmp_path), REFUSED) for _ in range(2))
    shared = second.like(first)
    assert shared.examples is first.examples
    assert shared.weights is first.weights
    assert list(shared) == ROWS


@pytest.mark.parametrize("text", ['{"task": "a", "id": "1", "metrics"', '{"id": "1", "metrics": {}}\n', "\n\n"])
def test_a_torn_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="torn"):
        ScoreTable.read(written(tmp_path, text), REFUSED)


def test_texts_of_a_file_that_was_replaced_are_refused_in_place_of_other_rows(tmp_path: Path) -> None:
    table = ScoreTable.read(written(tmp_path), REFUSED)
    written(tmp_path, f"{ROWS[1].model_dump_json()}\n")
    with pytest.raises(InputError, match="torn"):
        table.rows([0])
