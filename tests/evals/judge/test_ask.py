"""Asking the judge: both orders of a pair, what each reply counts as, and what ends the job in place of a score."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.emit import ExamplesDone
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.errors import IncompleteError, InputError, Problem
from bench.evals.judge import ask
from bench.evals.judge.ask import Judgement, Order, Session, judge_pairs
from bench.evals.judge.pairs import AnswerPair
from bench.evals.outcome import ExampleProgress
from bench.record.jobs.eval_job import Judging
from bench.suite.resolved import ResolvedJudge
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import Price

Answer = Callable[[str], Completion]


def said(text: str, *, reused: bool = False) -> Completion:
    reply = Reply(
        digest="d", request=CompletionRequest(messages=()), model="judge-2026", host="there", text=text,
        finish_reason="stop", prompt_tokens=10, completion_tokens=2, at="", seconds=0.0, attempts=1,
    )  # fmt: skip
    return Completion(digest="d", reply=reply, attempts=0 if reused else 1)


def lost(why: str, *, rejected: bool = False) -> Completion:
    return Completion(digest="d", reply=None, failure=why, attempts=3, rejected=rejected)


class FakeJudge:
    """Answers each prompt by a function, and keeps the prompts."""

    name, host, price = "judge", "there", Price(prompt=1e6, completion=0.0)

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.prompts: list[str] = []

    def digest(self, request: CompletionRequest) -> str:
        """Unused here."""
        return "d"

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """In order."""
        for request in requests:
            self.prompts.append(request.messages[-1].content)
            yield self.answer(self.prompts[-1])


PAIRS = (
    AnswerPair(id="1", question="Which?", system=None, answer="alpha", opponent="beta"),
    AnswerPair(id="2", question="Why?", system="Be kind.", answer="gamma", opponent="delta"),
)


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], tuple[Session, FakeJudge, list[Any]]]:
    """Judges `PAIRS` with a fake judge whose prompt is `question|first|second`."""
    spec = JudgeSpec.model_validate(
        {"kind": "judge", "name": "p", "data": {"source": "x.jsonl"},
         "judge": {"endpoint": {"base_url": "http://localhost:1/v1", "model": "judge"}}}
    )  # fmt: skip
    text = "{{ system or '-' }}|{{ question }}|{{ first }}|{{ second }}"
    judging = Judging(
        judge=ResolvedJudge(prompt=text, prompt_sha256="0" * 64), answers="own", answers_path=str(tmp_path),
        against="base", reference="other", reference_path=None, stored=None, replies=str(tmp_path),
    )  # fmt: skip

    def run(answer: Answer) -> tuple[Session, FakeJudge, list[Any]]:
        judge, events = FakeJudge(answer), list[Any]()
        monkeypatch.setattr(ask, "_completer", lambda spec, judging: judge)
        return judge_pairs(spec, judging, PAIRS, ExampleProgress(events.append, len(PAIRS))), judge, events

    return run


def test_each_pair_is_asked_in_both_orders(judged: Any) -> None:
    """A judge that prefers what it sees first would otherwise decide every claim."""
    session, judge, events = judged(lambda prompt: said("[[A]]"))
    assert judge.prompts == [
        "-|Which?|alpha|beta", "-|Which?|beta|alpha", "Be kind.|Why?|gamma|delta", "Be kind.|Why?|delta|gamma"
    ]  # fmt: skip
    order = Order(text="[[A]]", verdict="A")
    assert session.judgements == {id_: Judgement(own_first=order, own_second=order) for id_ in ("1", "2")}
    assert events[-1] == ExamplesDone(done=2, total=2)


def test_verdicts_belong_to_their_pair_and_order(judged: Any) -> None:
    session, _, _ = judged(lambda prompt: said("[[A]]" if "|alpha|beta" in prompt or "|delta|" in prompt else "[[B]]"))
    verdicts = {id_: (one.own_first.verdict, one.own_second.verdict) for id_, one in session.judgements.items()}
    assert verdicts == {"1": ("A", "B"), "2": ("B", "A")}


def test_a_reply_without_a_verdict_and_a_refused_request_are_counted_and_not_guessed(judged: Any) -> None:
    def answer(prompt: str) -> Completion:
        if "|alpha|beta" in prompt:
            return said("Both are nice.")
        return lost("HTTP 400", rejected=True) if "|beta|alpha" in prompt else said("[[C]]")

    session, _, _ = judged(answer)
    assert session.judgements["1"] == Judgement(
        own_first=Order(text="Both are nice.", verdict=None), own_second=Order(text=None, verdict=None)
    )
    assert session.rejected == 1


def test_what_was_asked_reused_and_paid_is_in_the_session(judged: Any) -> None:
    session, _, _ = judged(lambda prompt: said("[[A]]", reused="Which?" in prompt))
    assert (session.judge, session.host) == ("judge-2026", "there")
    assert (session.bill.asked, session.bill.reused, session.bill.prompt_tokens) == (4, 2, 40)
    assert (session.bill.cost, session.bill.cost_now) == (40.0, 20.0)


@pytest.mark.parametrize(
    "answer",
    [
        lambda prompt: lost("timed out") if "|alpha|beta" in prompt else said("[[A]]"),
        lambda prompt: lost("HTTP 400", rejected=True),
    ],
    ids=["one without a reply", "all refused"],
)
def test_an_outage_ends_the_job_and_is_never_a_score(judged: Any, answer: Answer) -> None:
    """Half-asked pairs would be counted as ties."""
    with pytest.raises(IncompleteError) as caught:
        judged(answer)
    problem = caught.value.problems[0]
    assert problem.reference == "judge.no-reply"
    assert problem.where == "judge judge at there"


def test_what_stops_the_judge_says_which_judge_it_was(judged: Any) -> None:
    def answer(prompt: str) -> Completion:
        raise InputError(Problem(reference="endpoint.unauthorised", what="the key was refused", where="there"))

    with pytest.raises(InputError) as caught:
        judged(answer)
    assert caught.value.problems[0].what == "judge judge at there: the key was refused"
