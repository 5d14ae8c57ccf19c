"""What is tried again, for how long, and what ends a run at once."""

import email.utils
import threading
import time
from pathlib import Path

import pytest

from bench.errors import IncompleteError, InputError
from tests.endpoint.asked import ask, client, one
from tests.fakes.endpoint_server import (
    BadJson,
    Cut,
    EmptyChoices,
    EndpointServer,
    FakeClock,
    Raw,
    ServerError,
    Slow,
    Status,
    Step,
    TooMany,
)


@pytest.mark.parametrize(
    "step",
    [TooMany(), ServerError(500), ServerError(502), ServerError(503), ServerError(504), Cut(), BadJson, EmptyChoices,
     Raw(), Raw(body=b'{"error": {"message": "overloaded"}}'), Raw(body=b'{"choices": [{"message": {"content": 3}}]}')],
)  # fmt: skip
def test_what_may_pass_is_tried_again(tmp_path: Path, step: Step) -> None:
    clock = FakeClock()
    with EndpointServer(script=[step, step]) as server:
        completion = one(client(server, tmp_path, clock))
    assert (completion.reply.text, completion.attempts, completion.reply.attempts) == ("ok", 3, 3)
    assert len(clock.waits) == 2


def test_what_does_not_pass_is_a_failure_and_no_reply(tmp_path: Path) -> None:
    with EndpointServer(script=[ServerError(503)] * 3) as server:
        asked = client(server, tmp_path, retries=2)
        completion = one(asked)
        assert completion.reply is None
        assert completion.failure == "HTTP 503 (it went wrong)"
        assert completion.attempts == 3
        assert one(asked).reply is not None, "a failure is not kept: the next run asks again"


def test_a_reply_that_drips_for_too_long_times_out(tmp_path: Path) -> None:
    slow = Slow(seconds=30, pieces=50)
    with EndpointServer(script=[slow]) as server:
        completion = one(client(server, tmp_path, timeout_seconds=2.0))
    assert completion.attempts == 2
    assert len(slow.sent) < 30, "it was given up long before its end"


def test_waits_grow_and_are_spread_by_the_seed(tmp_path: Path) -> None:
    waits = []
    for folder in ("a", "b"):
        clock = FakeClock()
        with EndpointServer(script=[ServerError()] * 6) as server:
            asked = client(server, tmp_path / folder, clock, wait_seconds=1, max_wait_seconds=8)
            list(asked.complete(ask("hello")))
        waits.append(clock.waits)
        assert all(0 <= wait <= min(8, 2**n) for n, wait in enumerate(clock.waits))
        assert len(set(clock.waits)) == 6
    assert max(waits[0]) > 1


@pytest.mark.parametrize("form", ["7", "date"])
def test_retry_after_is_honoured(tmp_path: Path, form: str) -> None:
    asked_for = form if form == "7" else email.utils.formatdate(time.time() + 30, usegmt=True)
    clock = FakeClock()
    with EndpointServer(script=[TooMany(retry_after=asked_for)]) as server:
        assert one(client(server, tmp_path, clock)).reply is not None
    low, high = (7, 8.01) if form == "7" else (27, 31.01)
    assert low <= clock.waits[0] <= high


def test_a_wait_of_hours_ends_the_run_in_place_of_sleeping(tmp_path: Path) -> None:
    with EndpointServer(script=[TooMany(retry_after="7200")]) as server, pytest.raises(IncompleteError) as caught:
        one(client(server, tmp_path))
    assert caught.value.problems[0].reference == "endpoint.long-wait"


@pytest.mark.parametrize(
    ("step", "reference"),
    [
        (Status(status=401), "endpoint.unauthorised"),
        (Status(status=403), "endpoint.forbidden"),
        (Status(status=404), "endpoint.unknown-model"),
        (Status(status=402), "endpoint.no-credit"),
        (Status(status=429, code="insufficient_quota"), "endpoint.no-credit"),
        (Status(status=307, headers={"Location": "http://127.0.0.1:9/"}), "endpoint.redirect"),
    ],
)
def test_what_no_request_gets_past_ends_the_run_at_once(tmp_path: Path, step: Step, reference: str) -> None:
    with EndpointServer(script=[step] * 9) as server, pytest.raises(InputError) as caught:
        list(client(server, tmp_path).complete(ask(*map(str, range(9)))))
    assert caught.value.problems[0].reference == reference
    assert caught.value.problems[0].hint
    assert len(server.requests) == 1


def test_a_rejected_request_is_counted_and_not_tried_again(tmp_path: Path) -> None:
    with EndpointServer(script=[Status(status=400, message="context too long")]) as server:
        first, second = client(server, tmp_path).complete(ask("a", "b"))
    assert (first.failure, first.attempts) == ("HTTP 400 (context too long)", 1)
    assert second.reply is not None


def test_a_server_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    with pytest.raises(InputError) as caught:
        one(client("http://127.0.0.1:9/v1", tmp_path, clock))
    assert caught.value.problems[0].reference == "endpoint.unreachable"
    assert clock.waits == []


def test_a_server_that_stops_answering_ends_the_run(tmp_path: Path) -> None:
    with EndpointServer(script=[Step()] + [ServerError()] * 99) as server:
        asked = client(server, tmp_path, retries=0, give_up_after=5)
        got = []
        with pytest.raises(IncompleteError) as caught:
            got.extend(asked.complete(ask(*map(str, range(50)))))
    assert caught.value.problems[0].reference == "endpoint.gave-up"
    assert len(server.requests) == 6


def test_a_wait_that_one_request_was_told_holds_for_all(tmp_path: Path) -> None:
    class OwnWaitSkipped(FakeClock):
        """The first wait, that of the refused request itself, lets no time pass."""

        def wait(self, seconds: float, stop: threading.Event) -> None:
            """Only later ones."""
            super().wait(seconds, stop)
            if len(self.waits) == 1:
                self.time = 0.0

    clock = OwnWaitSkipped()
    with EndpointServer(script=[TooMany(retry_after="7")]) as server:
        assert one(client(server, tmp_path, clock)).reply is not None
    assert clock.waits[1:] == [7]
