"""The embedded judge: without it, selection by score could be tried only with data from elsewhere."""

import pytest

from bench.data.micro import ROW_SETS, judged_rows, rows
from bench.data.micro.judge import BEST, STEP, WORST
from bench.data.micro.rows import labelled_rows
from bench.suite.tables.data import MICRO_SCORE


@pytest.mark.parametrize("name", ROW_SETS)
def test_marks_are_added_to_the_rows_and_change_nothing_else(name: str) -> None:
    judged = list(judged_rows(name))
    assert [{key: row[key] for key in row if key != MICRO_SCORE} for row in judged] == rows(name)
    marks = [float(row[MICRO_SCORE]) for row in judged]
    assert all(WORST <= mark <= BEST and mark % STEP == 0 for mark in marks)
    assert marks == [row[MICRO_SCORE] for row in judged_rows(name)]


def test_the_judge_is_right_on_average_and_wrong_often() -> None:
    """One that saw the truth would make selection by score trivial, one that saw nothing a random draw."""
    labelled = labelled_rows("mixed")
    marks = [float(row[MICRO_SCORE]) for row in judged_rows("mixed")]
    high = [row.correct for row, mark in zip(labelled, marks, strict=True) if mark >= 4.5]
    assert sum(row.correct for row in labelled) / len(labelled) == pytest.approx(0.80, abs=0.001)
    assert 0.95 < sum(high) / len(high) < 1.0
    spoiled = [mark for row, mark in zip(labelled, marks, strict=True) if not row.correct]
    assert max(spoiled) == BEST
