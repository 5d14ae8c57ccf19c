"""Answers that a judge compares with: from a file, or from the rows."""

from pathlib import Path

import pytest

from bench.errors import InputError
from tests.evals.judge.judging import judge_job, judged, longer, questions, scores
from tests.fakes.endpoint_server import EndpointServer


def test_stored_answers_are_found_by_their_prompts(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    asked = questions(folder, ["One?", "Two?", "Three?"])
    stored = questions(folder, ["Two?", "One?"], ["the second", "the first"])
    with EndpointServer(answer=longer) as server:
        job = judge_job(folder, server.url, ["x", "a longer answer", "y"], None, data=asked, stored=stored)
        _, rows = judged(job, folder)
    assert [row.target for row in rows] == ["the first", "the second", None]
    assert scores(rows) == [0.0, 1.0, None]


def test_without_a_file_the_rows_own_answers_are_compared_with(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    asked = questions(folder, ["One?", "Two?"], ["the first", None])
    with EndpointServer(answer=longer) as server:
        _, rows = judged(judge_job(folder, server.url, ["x", "y"], None, data=asked), folder)
    assert scores(rows) == [0.0, None]


def test_stored_answers_to_other_prompts_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    asked, stored = questions(folder, ["One?"]), questions(folder, ["Other?"], ["x"])
    job = judge_job(folder, "http://127.0.0.1:1/v1", ["a"], None, data=asked, stored=stored)
    with pytest.raises(InputError, match="no answer to any of the 1 prompts"):
        judged(job, folder)
