"""Rehearsal of judges: what they are asked, and with which stored answers they compare."""

from pathlib import Path

import pytest

from bench.evals.rehearsal.rehearse import rehearse
from tests.evals.judge.judging import judge_job, questions
from tests.evals.rehearsal.rehearsed import problems
from tests.fakes.endpoint_server import EndpointServer, Status


def test_a_judge_is_asked_once_and_nothing_is_kept(tmp_path: Path) -> None:
    with EndpointServer(answer=lambda body: "I cannot tell.") as server:
        job = judge_job(tmp_path, server.url, ["a", "b"], ["c", "d"])
        rehearse(job)
        [body] = server.requests
    assert body["max_tokens"] == 16
    assert "Question 0?" in body["messages"][-1]["content"]
    assert not (tmp_path / "replies").exists()


def test_a_judge_where_nobody_listens_is_refused(tmp_path: Path) -> None:
    [problem] = problems(judge_job(tmp_path, "http://127.0.0.1:9/v1", ["a"], ["b"]))
    assert problem.reference == "endpoint.unreachable"
    assert problem.what.startswith("eval 'p': ")


@pytest.mark.parametrize(("status", "reference"), [(401, "endpoint.unauthorised"), (400, "judge.no-reply")])
def test_a_judge_that_refuses_is_refused(tmp_path: Path, status: int, reference: str) -> None:
    with EndpointServer(script=[Status(status=status)] * 3) as server:
        assert problems(judge_job(tmp_path, server.url, ["a"], ["b"]))[0].reference == reference


def test_stored_answers_must_be_there_and_to_these_prompts(tmp_path: Path) -> None:
    with EndpointServer() as server:
        [problem] = problems(judge_job(tmp_path / "a", server.url, ["x"], None))
        assert problem.reference == "judge.no-reference"
        (tmp_path / "b").mkdir()
        other = questions(tmp_path / "b", ["Something else?"], ["yes"])
        [problem] = problems(judge_job(tmp_path / "b", server.url, ["x"], None, stored=other))
        assert problem.reference == "judge.no-reference"
