"""The endpoint client against a server that misbehaves: what is retried, what ends the run, what is paid for once."""

import json
import threading
import time
from pathlib import Path

import pytest

from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import CompletionRequest
from bench.endpoint.usage import Usage
from bench.errors import BenchError, IncompleteError, InputError
from bench.suite.tables.models.endpoint import EndpointSpec, Price, Sampling
from tests.endpoint.asked import KEY, ask, client, one
from tests.fakes.endpoint_server import Body, Cut, EndpointServer, FakeClock, Slow, Status, Step, UnderWay


def test_a_kept_reply_is_not_paid_for_again_even_by_a_new_process(tmp_path: Path) -> None:
    with EndpointServer() as server:
        first = one(client(server, tmp_path))
        again = one(client(server, tmp_path))
        assert again.reply == first.reply
        assert again.reused
        assert not first.reused
        assert len(server.requests) == 1


def test_a_reply_is_on_disk_before_it_is_handed_over(tmp_path: Path) -> None:
    with EndpointServer() as server:
        for completion in client(server, tmp_path, concurrency=3).complete(ask(*map(str, range(8)))):
            assert (tmp_path / completion.digest[:2] / f"{completion.digest}.json").is_file()


def test_a_torn_kept_reply_is_asked_for_again(tmp_path: Path) -> None:
    with EndpointServer() as server:
        completion = one(client(server, tmp_path))
        path = tmp_path / completion.digest[:2] / f"{completion.digest}.json"
        path.write_text(path.read_text()[:30])
        assert one(client(server, tmp_path)).attempts == 1
        assert json.loads(path.read_text())["text"] == "ok"


def test_what_changes_the_answer_changes_what_is_asked_for(tmp_path: Path) -> None:
    base = CompletionRequest.ask("a", sampling=Sampling(temperature=1.0))
    asked = client("http://127.0.0.1:1/v1", tmp_path)
    others = [
        base.model_copy(update={"sample": 1}),
        CompletionRequest.ask("b", sampling=base.sampling),
        CompletionRequest.ask("a", sampling=Sampling(temperature=0.5)),
        CompletionRequest.ask("a", sampling=base.sampling, system="s"),
    ]
    digests = {asked.digest(request) for request in (base, *others)}
    digests.add(client("http://127.0.0.1:1/v1", tmp_path, model="other").digest(base))
    digests.add(client("http://127.0.0.1:2/v1", tmp_path).digest(base))
    assert len(digests) == 7
    assert client("http://127.0.0.1:1/v1", tmp_path, retries=0, concurrency=3).digest(base) == asked.digest(base)


def test_equal_requests_under_way_are_paid_for_once(tmp_path: Path) -> None:
    with EndpointServer(answer=lambda body: Slow(seconds=0.05)) as server:
        completions = list(client(server, tmp_path, concurrency=4).complete(ask("a", "a", "a", "a")))
    assert len(server.requests) == 1
    assert sum(completion.reused for completion in completions) == 3


def test_outcomes_come_in_order_and_no_more_are_under_way_than_allowed(tmp_path: Path) -> None:
    together, under_way = threading.Barrier(3, timeout=60), UnderWay()

    def answer(body: Body) -> Step:
        text = body["messages"][-1]["content"]
        if text in ("0", "1", "2"):
            together.wait()
        under_way.answered(0.06 - 0.005 * int(text))
        return Step(text=text)

    with EndpointServer(answer) as server:
        completions = list(client(server, tmp_path, concurrency=3).complete(ask(*map(str, range(10)))))
    assert [completion.reply.text for completion in completions if completion.reply] == [str(n) for n in range(10)]
    assert under_way.most == 3


def test_requests_per_minute_are_never_exceeded(tmp_path: Path) -> None:
    clock = FakeClock()
    times: list[float] = []

    def answer(body: Body) -> str:
        times.append(clock.now())
        return "ok"

    with EndpointServer(answer) as server:
        list(client(server, tmp_path, clock, requests_per_minute=4).complete(ask(*map(str, range(11)))))
    assert all(late - early >= 60 for early, late in zip(times, times[4:], strict=False))
    assert times[-1] == 120


def test_tokens_per_minute_count_what_the_server_counted(tmp_path: Path) -> None:
    clock = FakeClock()
    with EndpointServer(answer=lambda body: "word " * 45) as server:
        asked = client(server, tmp_path, clock, tokens_per_minute=150)
        list(asked.complete(ask(*(f"five words in this {n}" for n in range(5)), max_tokens=80)))
    assert clock.now() == 120, "two of 50 tokens and an estimated third fit into each minute"


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path: Path) -> None:
    with EndpointServer(key=KEY) as server:
        asked = client(server, tmp_path, key_env="TEACHER_KEY")
        assert one(asked).reply is not None
        assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in repr(asked)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_refusal_that_repeats_the_key_is_shown_without_it(tmp_path: Path) -> None:
    with EndpointServer(key="another") as server, pytest.raises(InputError) as caught:
        one(client(server, tmp_path, key_env="TEACHER_KEY"))
    assert KEY not in str(caught.value)
    assert "TEACHER_KEY" in (caught.value.problems[0].hint or "")


@pytest.mark.parametrize(("value", "reference"), [(None, "no-key"), ("", "no-key"), ("two words", "bad-key")])
def test_no_key_is_told_before_anything_is_sent(tmp_path: Path, value: str | None, reference: str) -> None:
    environ = {} if value is None else {"TEACHER_KEY": value}
    with EndpointServer() as server:
        spec = EndpointSpec(base_url=server.url, model="m", key_env="TEACHER_KEY")
        with pytest.raises(InputError) as caught:
            open_endpoint(spec, table="eval[0].judge.endpoint", cache=tmp_path, environ=environ)
    assert caught.value.problems[0].reference == f"endpoint.{reference}"
    assert "TEACHER_KEY" in caught.value.problems[0].what
    assert caught.value.problems[0].where == "eval[0].judge.endpoint.key_env"
    assert value is None or not value or value not in str(caught.value)
    assert server.requests == []


def test_costs_are_counted_now_and_in_all(tmp_path: Path) -> None:
    price = Price(prompt=1_000_000, completion=2_000_000)
    with EndpointServer(answer=lambda body: "two words") as server:
        bills = []
        for texts in (("a", "b"), ("a", "b", "c")):
            asked = client(server, tmp_path, price=price)
            bills.append(Usage(price=asked.price))
            for completion in asked.complete(ask(*texts)):
                bills[-1].add(completion)
    assert (bills[0].cost, bills[0].cost_now) == (10, 10)
    assert (bills[1].cost, bills[1].cost_now, bills[1].reused) == (15, 5, 2)


def test_tokens_that_the_server_does_not_count_are_unknown_and_not_free(tmp_path: Path) -> None:
    with EndpointServer(answer=lambda body: Step(usage=False)) as server:
        bill = Usage(price=Price(prompt=1, completion=1))
        bill.add(one(client(server, tmp_path)))
    assert (bill.prompt_tokens, bill.cost, bill.cost_now) == (None, None, None)


def test_no_request_is_sent_past_the_greatest_cost(tmp_path: Path) -> None:
    price = Price(prompt=1_000_000, completion=0)
    with EndpointServer() as server, pytest.raises(IncompleteError) as caught:
        list(client(server, tmp_path, price=price, max_cost=3).complete(ask(*map(str, range(9)))))
    problem = caught.value.problems[0]
    assert (problem.reference, problem.where) == ("endpoint.max-cost", "writer.endpoint.max_cost")
    assert len(server.requests) == 3


def test_sampling_is_sent_as_given_and_nothing_else(tmp_path: Path) -> None:
    with EndpointServer() as server:
        asked = client(server, tmp_path, max_tokens_field="max_completion_tokens", extra={"top_k": 20})
        sampling = Sampling(temperature=0.5, max_tokens=7, seed=4, stop=("#",))
        list(asked.complete([CompletionRequest.ask("hi", sampling=sampling, system="be brief", sample=2)]))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert server.requests == [
        {"model": "teacher", "messages": messages, "temperature": 0.5, "max_completion_tokens": 7, "seed": 6,
         "stop": ["#"], "top_k": 20},
    ]  # fmt: skip


@pytest.mark.parametrize("text", [None, ""])
def test_a_model_that_says_nothing_is_kept_as_such(tmp_path: Path, text: str | None) -> None:
    with EndpointServer(script=[Step(text=text, finish_reason="content_filter")]) as server:
        reply = one(client(server, tmp_path)).reply
    assert (reply.text, reply.finish_reason) == ("", "content_filter")


def test_an_error_leaves_no_thread_asking_on(tmp_path: Path) -> None:
    with EndpointServer(script=[Status(status=401)]) as server:
        with pytest.raises(BenchError):
            list(client(server, tmp_path, concurrency=2).complete(ask(*map(str, range(200)))))
        time.sleep(0.1)
        sent = len(server.requests)
        time.sleep(0.1)
        assert len(server.requests) == sent < 200
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ask-")]


def test_a_cut_reply_is_called_so(tmp_path: Path) -> None:
    with EndpointServer(script=[Cut()]) as server:
        assert one(client(server, tmp_path, retries=0)).failure == "the connection was cut in the middle of the reply"
