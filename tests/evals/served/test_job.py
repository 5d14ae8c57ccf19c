"""A served model's evals: its answers are scored as any subject's, and what a server cannot say is never a score."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.errors import BenchError, IncompleteError, InputError
from bench.evals.rehearsal.rehearse import rehearse, rehearse_all
from bench.record.jobs.eval_job import EvalJob, Served
from bench.suite.tables.models.endpoint import EndpointSpec
from tests.evals.jobs import (
    evaluate,
    generation_job,
    lm_eval_job,
    questions_job,
    resolved_model,
    write_choice,
    write_qa,
)
from tests.fakes.endpoint_server import Body, EndpointServer, ServerError, Status, Step


def served(job: EvalJob, server: EndpointServer, folder: Path, **changes: Any) -> EvalJob:
    """The job with a server in place of weights."""
    keys = {"base_url": server.url, "model": "m", "wait_seconds": 0.01, "concurrency": 1, **changes}
    served = Served(endpoint=EndpointSpec.model_validate(keys), replies=str(folder / "replies"))
    return job.model_copy(update={"served": served})


def stored(folder: Path, rows: list[tuple[Turn, ...]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(Row(turns=turns, origin="x:1").model_dump_json() + "\n" for turns in rows))
    return path


def asked(question: str, answer: str = "") -> tuple[Turn, ...]:
    return Turn(role="user", content=question), Turn(role="assistant", content=answer)


def generation(folder: Path, rows: list[tuple[Turn, ...]], **changes: Any) -> EvalJob:
    return generation_job(resolved_model(folder / "no model"), stored(folder, rows), len(rows), **changes)


def test_answers_are_scored_and_every_request_is_counted(tmp_path: Path) -> None:
    rows = [asked(f"What is {n}?", str(n)) for n in range(4)]

    def answer(body: Body) -> str | Step:
        number = int(body["messages"][-1]["content"][8:-1])
        return Status(status=400, message="too long") if number == 3 else str(number if number < 2 else 0)

    with EndpointServer(answer=answer) as server:
        job = generation(tmp_path, rows, metrics=("exact_match",), decoding={"max_new_tokens": 5})
        result, scores = evaluate(served(job, server, tmp_path, price={"prompt": 1, "completion": 1}), tmp_path)
        again, _ = evaluate(served(job, server, tmp_path), tmp_path)
        bodies = server.requests
    assert [row.metrics["exact_match"] for row in scores] == [1.0, 1.0, 0.0, None]
    assert [row.metrics["length"] for row in scores] == [None] * 4, "a server's tokens are its own"
    assert scores[3].unscored is not None
    assert "refused it: HTTP 400 (too long)" in scores[3].unscored
    assert (result.endpoint.asked, result.endpoint.refused, result.endpoint.model) == (4, 1, "m-2024")
    assert (result.endpoint.prompt_tokens, result.endpoint.cost) == (9, 12 / 1e6)
    assert (result.template, result.precision, result.peak_process_bytes) == ("the server's own", "as served", None)
    assert [body["messages"][-1]["content"] for body in bodies].count("What is 0?") == 1, "no reply is paid for twice"
    assert again.endpoint.reused == 3
    assert {body["max_tokens"] for body in bodies} == {5}


def test_an_answer_ends_at_a_stop_text_and_loses_its_thinking(tmp_path: Path) -> None:
    """Of six stop texts the server is sent four, which each server takes; the others count all the same."""
    stops = ("A", "B", "C", "D", "E", "F")
    job = generation(tmp_path, [asked("q", "yes ")], decoding={"stop": stops})
    with EndpointServer(answer=lambda _: "<think>Fine</think> yes F no") as server:
        result, [row] = evaluate(served(job, server, tmp_path), tmp_path)
        [body] = server.requests
    assert (row.output, row.thinking, row.metrics["ended"]) == ("yes", "Fine", 1.0)
    assert body["stop"] == ["A", "B", "C", "D"]
    assert result.strip_thinking


def test_an_answer_that_was_cut_has_not_ended(tmp_path: Path) -> None:
    with EndpointServer(answer=lambda _: Step(text="on and on", finish_reason="length")) as server:
        _, [row] = evaluate(served(generation(tmp_path, [asked("q")]), server, tmp_path), tmp_path)
    assert row.metrics["ended"] == 0.0


def test_own_answers_are_part_of_later_turns_and_samples_have_seeds_of_their_own(tmp_path: Path) -> None:
    turns = (Turn(role="system", content="Be brief."), *asked("one"), *asked("two"))
    job = questions_job(resolved_model(tmp_path / "none"), stored(tmp_path, [turns]), 1)
    with EndpointServer(answer=lambda body: f"answer {len(body['messages'])}") as server:
        _, rows = evaluate(served(job, server, tmp_path), tmp_path)
        sent = [[message["content"] for message in body["messages"]] for body in server.requests]
    assert sent == [["Be brief.", "one"], ["Be brief.", "one", "answer 2", "two"]]
    assert [row.output for row in rows] == ["answer 2", "answer 4"]
    drawn = generation(tmp_path, [asked("q", "1")], decoding={"temperature": 1, "samples": 3, "seed": 5})
    with EndpointServer(answer=lambda body: str(body["seed"])) as server:
        _, [row] = evaluate(served(drawn, server, tmp_path), tmp_path)
    assert row.samples == ("5", "6", "7")


def test_written_tasks_are_asked_as_messages_and_scored_by_lm_eval(tmp_path: Path) -> None:
    write_qa(tmp_path / "tasks", count=4)
    job = lm_eval_job(resolved_model(tmp_path / "none"), tmp_path / "tasks", ["qa"])
    rows = [json.loads(line) for line in (tmp_path / "tasks" / "qa.jsonl").read_text().splitlines()]
    answers = {row["question"]: row["answer"] for row in rows}
    right = rows[0]["question"]

    def answer(body: Body) -> str | Step:
        [message] = body["messages"]
        return answers[right] if right in message["content"] else ServerError(400)

    with EndpointServer(answer=answer) as server:
        result, scores = evaluate(served(job, server, tmp_path), tmp_path)
    assert scores[0].metrics == {"exact_match": 1.0}
    assert len({row.unscored for row in scores[1:]}) == 1
    assert (result.measures[0].n, result.measures[0].missing) == (1, 3)


def test_a_task_of_likelihoods_is_refused_and_not_guessed(tmp_path: Path) -> None:
    write_choice(tmp_path / "tasks", count=4)
    job = lm_eval_job(resolved_model(tmp_path / "none"), tmp_path / "tasks", ["choice"])
    with EndpointServer() as server, pytest.raises(InputError, match="no likelihoods"):
        evaluate(served(job, server, tmp_path), tmp_path)
    assert server.requests == []


def test_an_outage_is_no_score(tmp_path: Path) -> None:
    job = generation(tmp_path, [asked(f"q{n}") for n in range(3)])
    script = [Step(), ServerError(503), ServerError(503)]
    with EndpointServer(script=script) as server, pytest.raises(IncompleteError) as caught:
        evaluate(served(job, server, tmp_path, retries=0), tmp_path)
    assert "2 of 3 requests got no reply" in str(caught.value)


def test_tools_in_a_prompt_are_no_plain_chat(tmp_path: Path) -> None:
    turns = (Turn(role="user", content="q"), Turn(role="tool", content="42"), Turn(role="assistant", content=""))
    with EndpointServer() as server:
        job = served(generation(tmp_path, [turns]), server, tmp_path)
        with pytest.raises(BenchError, match="tools"):
            rehearse(job)
    assert server.requests == []


def test_before_a_training_is_paid_for_the_server_is_asked_once(tmp_path: Path) -> None:
    job = generation(tmp_path, [asked("q", "x")] * 3, metrics=("exact_match",))
    with EndpointServer(key="right") as server:
        at_server = served(job, server, tmp_path)
        rehearse_all([at_server])
        assert server.requests == [], "what is rehearsed costs nothing"
        with pytest.raises(InputError, match=r"[Uu]nauthorised|key"):
            rehearse_all([at_server], ask_endpoints=True)
