"""The protocol alone, without a server: what is sent, and what each response means for the request and for the run."""

import email.utils
import json
import time
from typing import Any

import pytest

from bench.endpoint.chat_completions import (
    ChatReply,
    RejectedError,
    StopError,
    TryAgainError,
    asked_wait,
    backoff,
    body_of,
    estimated_tokens,
    read_response,
)
from bench.endpoint.completion import CompletionRequest
from bench.endpoint.transport import Response
from bench.suite.tables.models.endpoint import EndpointSpec, Sampling


def spec(**more: Any) -> EndpointSpec:
    return EndpointSpec(base_url="http://localhost:1/v1", model="teacher", **more)


def ask(text: str = "hello", *, system: str | None = None, sample: int = 0, **sampling: Any) -> CompletionRequest:
    return CompletionRequest.ask(text, sampling=Sampling(**sampling), system=system, sample=sample)


def response(value: object, status: int = 200, **headers: str) -> Response:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)


def good(content: object = "yes", **choice: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **choice.pop("message", {})}, **choice}]}


def read(value: object, status: int = 200, **headers: str) -> ChatReply:
    return read_response(response(value, status, **headers), key_env="TEACHER_KEY")


def test_the_body_has_what_is_asked_for_and_nothing_unset() -> None:
    """A field that a server does not know, sent as null, is refused by some of them."""
    body = body_of(spec(), ask("hello", system="Be brief.", temperature=0.5, max_tokens=9))
    assert body == {
        "model": "teacher",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "max_tokens": 9,
        "temperature": 0.5,
    }


def test_samples_of_one_prompt_have_seeds_of_their_own() -> None:
    """One seed for all samples would pay for the same answer several times."""
    of_server = spec(extra={"top_k": 5}, max_tokens_field="max_completion_tokens")
    first, second = (body_of(of_server, ask(sample=at, seed=2**32 - 1, stop=("\n",))) for at in (0, 1))
    assert (first["seed"], second["seed"]) == (2**32 - 1, 0)
    assert (first["top_k"], first["stop"]) == (5, ["\n"])
    assert "max_completion_tokens" in first
    assert "max_tokens" not in first


def test_an_estimate_counts_the_prompt_and_the_longest_answer() -> None:
    short, long = (ask("x" * size, max_tokens=100) for size in (4, 4004))
    estimates = [estimated_tokens(body_of(spec(), request), request) for request in (short, long)]
    assert estimates[0] > 100
    assert estimates[1] - estimates[0] == 1000


def test_a_good_response_is_read() -> None:
    value = {**good("yes", finish_reason="stop"), "model": "m-1", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    assert read(value) == ChatReply(
        text="yes", finish_reason="stop", model="m-1", prompt_tokens=3, completion_tokens=1
    )  # fmt: skip


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": True}, {"prompt_tokens": "3"}])
def test_tokens_that_the_server_did_not_count_are_unknown_and_not_zero(usage: object) -> None:
    """A cost of 0 for what was paid for would pass every cost stop."""
    said = read({**good(), "usage": usage})
    assert said.prompt_tokens is None
    assert said.completion_tokens is None


def test_a_refusal_is_an_empty_answer_with_its_reason_and_half_a_character_is_replaced() -> None:
    assert read(good(None, message={"refusal": "no"}, finish_reason="stop")).finish_reason == "refusal"
    assert read(b'{"choices": [{"message": {"content": "a\\ud83d"}}]}').text == "a?"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[" * 100_000, [], {"choices": []}, {"choices": [{}]}, good(7), {"error": {"message": "busy"}}],
    ids=["html", "deep", "list", "none", "no message", "number", "error"],
)
def test_a_response_of_status_200_without_an_answer_is_tried_again(body: object) -> None:
    with pytest.raises(TryAgainError):
        read(body)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 599])
def test_what_may_pass_is_tried_again_with_the_servers_wait(status: int) -> None:
    with pytest.raises(TryAgainError, match=f"HTTP {status} \\(slow down\\)") as caught:
        read({"error": {"message": "slow\n down"}}, status, retry_after="3")
    assert caught.value.wait == 3.0


@pytest.mark.parametrize(
    ("status", "body", "reference"),
    [
        (401, {}, "unauthorised"),
        (402, {}, "no-credit"),
        (403, {}, "forbidden"),
        (404, {"error": "model"}, "unknown-model"),
        (407, {}, "proxy"),
        (302, b"", "redirect"),
        (429, {"error": {"code": "insufficient_quota"}}, "no-credit"),
    ],
)
def test_what_no_request_gets_past_stops_all_of_them(status: int, body: object, reference: str) -> None:
    """Each retry of a refused key is a minute; a followed redirect takes the key along."""
    with pytest.raises(StopError) as caught:
        read(body, status)
    assert caught.value.reference == reference
    if status == 401:
        assert "TEACHER_KEY" in caught.value.hint


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_for_itself_stops_no_other(status: int) -> None:
    with pytest.raises(RejectedError, match="too long"):
        read({"error": {"message": "too long"}}, status)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers) == seconds


def test_the_wait_may_be_a_date_and_one_in_the_past_is_no_wait() -> None:
    later, earlier = (email.utils.formatdate(time.time() + shift, usegmt=True) for shift in (60, -60))
    assert asked_wait({"retry-after": later}) == pytest.approx(60, abs=2)
    assert asked_wait({"retry-after": earlier}) == 0.0


def test_back_off_grows_to_its_limit_and_is_the_seeds() -> None:
    patient = spec(wait_seconds=1.0, max_wait_seconds=8.0)
    waits = [[backoff(patient, attempt, seed=str(seed)) for seed in range(200)] for attempt in range(6)]
    for attempt, drawn in enumerate(waits):
        most = min(8.0, 2.0**attempt)
        assert 0 <= min(drawn) < 0.1 * most
        assert 0.9 * most < max(drawn) <= most
    assert backoff(patient, 2, seed="a") == backoff(patient, 2, seed="a")
