"""Which files are multiple-choice questions, and by which columns: the draft asks them and trains on none."""

import json
from pathlib import Path
from typing import Any

import pytest

import bench.draft.write
from bench.draft.given_arms import draft_given
from bench.draft.quiz import quiz_of, quizzes_of
from bench.draft.write import draft_suite
from bench.errors import InputError

LETTERS = {"question": "Which is a fruit?", "A": "plum", "B": "brick", "answer": "A"}
LISTED = {"question": "Which is a fruit?", "choices": ["plum", "brick"], "answer": "brick", "context": "A garden."}
ENDINGS = {"ctx": "The baker", "label": "0", "endings": ["bakes.", "flies.", "melts.", "rings."]}


def written(folder: Path, *rows: dict[str, Any], name: str = "quiz") -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (LETTERS, ("question", ("A", "B"), "answer", None)),
        (LISTED, ("question", "choices", "answer", "context")),
        (ENDINGS, ("ctx", "endings", "label", None)),
        (
            {"Question": "Which?", "option_1": "plum", "option_2": "brick", "Correct_Option": "plum"},
            ("Question", ("option_1", "option_2"), "Correct_Option", None),
        ),
    ],
)
def test_the_columns_of_questions_are_found(tmp_path: Path, row: dict[str, Any], named: tuple[Any, ...]) -> None:
    """HellaSwag's rows were of no known shape, and those with letters were refused."""
    written(tmp_path, row)
    quiz = quiz_of("quiz", "quiz.jsonl", tmp_path)
    assert (quiz.spec.question, quiz.spec.choices, quiz.spec.answer, quiz.spec.passage) == named


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Which is better?", "response_a": "plum", "response_b": "brick", "winner": "a"},
        {"instruction": "Which is a fruit?", "output": "plum"},
        {**LETTERS, "answer": "neither"},
        {**LETTERS, "answer": "1", "C": "stone"},  # from 0, or from 1
    ],
)
def test_what_cannot_be_asked_row_by_row_is_no_quiz(tmp_path: Path, row: dict[str, Any]) -> None:
    written(tmp_path, row)
    assert quiz_of("quiz", "quiz.jsonl", tmp_path) is None


def test_many_questions_are_asked_in_part_and_no_name_is_given_twice(tmp_path: Path) -> None:
    written(tmp_path, *[LETTERS] * 501, name="answers")
    [quiz] = quizzes_of({"answers": "answers.jsonl"}, tmp_path).values()
    assert 'name = "answers_quiz"' in quiz.eval_table
    assert "limit = 500" in quiz.eval_table
    written(tmp_path, *[LETTERS] * 500)
    [quiz] = quizzes_of({"quiz": "quiz.jsonl"}, tmp_path).values()
    assert "limit" not in quiz.eval_table


def test_questions_alone_leave_nothing_to_train_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, LETTERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench.draft.write, "look", None)
    with pytest.raises(InputError, match="asked, not trained on"):
        draft_suite("micro", ["quiz.jsonl"], "tune", out=tmp_path / "a.toml", home=tmp_path)


def test_given_arms_are_asked_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were asked without their options."""
    written(tmp_path, LETTERS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(bench.draft.write, "load_suite", lambda path: None)  # there are no weights
    drafted = draft_given(
        ["adapter"], [], model="micro", data=["quiz.jsonl"], out=tmp_path / "b.toml", home=tmp_path
    ).read_text(encoding="utf-8")
    assert 'kind = "choice"' in drafted
    assert "ifeval" not in drafted
