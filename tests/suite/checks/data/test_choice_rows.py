"""Columns of a local file as questions: a right option that is read wrongly makes every score wrong."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from bench.errors import InputError
from bench.suite.checks.data.choice_rows import ChoiceRow, read_choices
from bench.suite.tables.evals.choice import ChoiceSpec

PEOPLE = ["Ada", "Bo", "Cy"]


def read(path: Path, **spec: Any) -> tuple[ChoiceRow, ...]:
    return read_choices(ChoiceSpec(kind="choice", name="c", source=path.name, **spec), path, where="eval[0]")


def lines(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answers(folder: Path, *given: Any, **spec: Any) -> list[int | None]:
    rows = [{"question": f"q{n}", "choices": PEOPLE, "answer": answer} for n, answer in enumerate(given)]
    return [row.label for row in read(lines(folder, *rows), **spec)]


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (("Bo", "Ada", "Cy"), [1, 0, 2]),
        (("B", "(a)", "C."), [1, 0, 2]),
        ((0, 2, 1), [0, 2, 1]),
        ((1, 3, 2), [0, 2, 1]),
        (("0", "2"), [0, 2]),
        (("1", "3"), [0, 2]),
    ],
)
def test_right_options_by_text_letter_or_number(tmp_path: Path, given: tuple[Any, ...], labels: list[int]) -> None:
    assert answers(tmp_path, *given) == labels


def test_numbers_that_may_count_from_0_or_1_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may count from 0 or from 1") as caught:
        answers(tmp_path, 1, 2, 1)
    assert caught.value.problems[0].hint == "count_from = 0 or count_from = 1"
    assert answers(tmp_path, 1, 2, 1, count_from=0) == [1, 2, 1]
    assert answers(tmp_path, 1, 2, 1, count_from=1) == [0, 1, 0]


def of_options(folder: Path, options: list[str], *given: str, **spec: Any) -> list[int | None]:
    rows = [{"question": "q", "choices": options, "answer": answer} for answer in given]
    return [row.label for row in read(lines(folder, *rows), **spec)]


def test_options_that_are_numbers_are_chosen_by_text_unless_places_say_otherwise(tmp_path: Path) -> None:
    assert of_options(tmp_path, ["10", "30", "20"], "30", "20") == [1, 2]
    assert of_options(tmp_path, ["1", "2", "3"], "1", "2") == [0, 1], "by text as by number"
    assert of_options(tmp_path, ["A", "B"], "A", "B") == [0, 1], "by text as by letter"


@pytest.mark.parametrize(
    ("options", "given", "said"),
    [
        (["4", "3", "2", "1"], ("1", "4"), "texts or their numbers"),
        (["b", "a", "c"], ("a", "b"), "texts or their letters"),
        (["b", "a", "a"], ("A", "b"), "texts or their letters"),
    ],
)
def test_answers_that_are_texts_of_other_options_than_their_places_are_refused(
    tmp_path: Path, options: list[str], given: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        of_options(tmp_path, options, *given)
    assert "count_from" in str(caught.value.problems[0].hint)


def test_count_from_says_that_answers_are_numbers(tmp_path: Path) -> None:
    assert of_options(tmp_path, ["4", "3", "2", "1"], "1", "4", count_from=1) == [0, 3]
    with pytest.raises(InputError, match="row 2 has the answer '4', which is no number from 0 of 4 options"):
        of_options(tmp_path, ["4", "3", "2", "1"], "1", "4", count_from=0)


def test_one_column_per_option_and_other_column_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("Frage,A,B,C,right\nWho?,Ada,Bo,Cy,B\nWhom?,Ada,Bo,,A\n")
    rows = read(path, question="Frage", choices=("A", "B", "C"), answer="right")
    assert [(row.question, row.choices, row.label) for row in rows] == [
        ("Who?", ("Ada", "Bo", "Cy"), 1),
        ("Whom?", ("Ada", "Bo"), 0),
    ]
    (tmp_path / "rows.tsv").write_text(path.read_text().replace(",", "\t"))
    assert read(tmp_path / "rows.tsv", question="Frage", choices=("A", "B", "C"), answer="right") == rows


def test_published_shapes_of_options(tmp_path: Path) -> None:
    """ARC and CommonsenseQA list texts beside labels; tables often hold a list as JSON text."""
    arc = {"question": "q", "choices": {"text": PEOPLE, "label": ["A", "B", "C"]}, "answer": "C"}
    text = {"question": "q", "choices": json.dumps(PEOPLE), "answer": "C"}
    assert [(row.choices, row.label) for row in read(lines(tmp_path, arc, text))] == [(tuple(PEOPLE), 2)] * 2
    pyarrow.parquet.write_table(pa.Table.from_pylist([{**text, "choices": PEOPLE}]), tmp_path / "rows.parquet")
    assert read(tmp_path / "rows.parquet")[0].choices == tuple(PEOPLE)
    (tmp_path / "rows.json").write_text(json.dumps({"data": [text]}))
    assert read(tmp_path / "rows.json")[0].label == 2


def test_a_passage_goes_before_the_question_and_own_ids_are_kept(tmp_path: Path) -> None:
    row = {"question": "Who?", "choices": PEOPLE, "answer": 0, "text": "Ada is here.", "id": "x1"}
    [read_row] = read(lines(tmp_path, row), passage="text")
    assert (read_row.question, read_row.id) == ("Ada is here.\n\nWho?", "x1")
    assert [row.id for row in read(lines(tmp_path, row, row))] == ["1", "2"], "equal ids are no ids"


def test_written_answers_need_no_options(tmp_path: Path) -> None:
    path = lines(tmp_path, {"question": "q", "answer": "Ada"}, {"question": "q", "answer": ["Bo", "B."]})
    assert [row.answers for row in read(path, choices=())] == [("Ada",), ("Bo", "B.")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "q", "choices": PEOPLE, "answer": "Dan"}, "row 2 has the answer 'Dan'"),
        ({"question": " ", "choices": PEOPLE, "answer": "Ada"}, "row 2 has no question"),
        ({"question": "q", "choices": ["Ada"], "answer": "Ada"}, "row 2 has fewer than two different options"),
        ({"question": "q", "choices": ["a", "a"], "answer": 0}, "row 2 has fewer than two different options"),
        ({"question": "q", "choices": PEOPLE, "answer": None}, "row 2 has no answer"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    good = {"question": "q", "choices": PEOPLE, "answer": "Ada"}
    with pytest.raises(InputError, match=r"1 row of rows\.jsonl cannot be used") as caught:
        read(lines(tmp_path, good, row, good))
    assert said in str(caught.value)


def test_many_faults_come_as_one_message(tmp_path: Path) -> None:
    rows = [{"question": "", "choices": PEOPLE, "answer": "Ada"}] * 5000
    with pytest.raises(InputError) as caught:
        read(lines(tmp_path, *rows))
    [problem] = caught.value.problems
    assert "5,000 rows" in problem.what
    assert len(problem.what) < 250


def test_all_missing_columns_are_named_with_the_nearest(tmp_path: Path) -> None:
    path = lines(tmp_path, {"question": "q", "options": PEOPLE, "answr": "Ada"})
    with pytest.raises(InputError) as caught:
        read(path)
    assert [(p.what, p.where) for p in caught.value.problems] == [
        ("no row has the column 'answer'", "eval[0].answer"),
        ("no row has the column 'choices'", "eval[0].choices"),
    ]
    assert caught.value.problems[0].hint == "did you mean 'answr'?"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rows.jsonl", '{"question": "q"}\n{"question"\n', "row 2 is not JSON"),
        ("rows.json", "[1, 2]", "each row must be an object"),
        ("rows.jsonl", "\n", "has no rows"),
        ("rows.xlsx", "x", "no format that is read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read(tmp_path / name)
