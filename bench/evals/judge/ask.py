"""Asks a judge about pairs of answers, each in both orders, and reads its verdicts.

Contract: a reply is on disk before it is read. A request that is refused for itself, and a reply without a verdict,
are counted; requests that got no reply after all retries end the job, so that an outage is never a score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.endpoint.cache import ReplyCache
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import Completer, Outcome, Reply, Request
from bench.endpoint.local_model import LocalAsker, seed_of
from bench.endpoint.usage import Bill
from bench.errors import BenchError, IncompleteError, Problem
from bench.evals.inference.completions import AT_ONCE, answer, load_writer
from bench.evals.judge.pairs import Pair
from bench.evals.judge.verdict import Verdict, read_verdict
from bench.evals.outcome import Progress
from bench.record.eval_job import Judging
from bench.suite.endpoint import Price
from bench.suite.evals import JudgeSpec
from bench.suite.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What came of one order of one pair."""

    text: str | None
    """The judge's reply; `None` where the request was refused."""
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Both orders of one pair: this subject's answer first, then second."""

    own_first: Order
    own_second: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """All judgements, by pair, and what they took."""

    judgements: Mapping[str, Judgement]
    bill: Bill
    judge: str
    host: str | None
    rejected: int


def judge_pairs(spec: JudgeSpec, judging: Judging, pairs: Sequence[Pair], progress: Progress) -> Session:
    """Judgements of `pairs`, which have both answers. Raises `InputError` or `IncompleteError` where the judge gives
    out; what it replied until then is kept."""
    prompt = Prompt(text=judging.judge.prompt, where=f"eval {spec.name!r}, prompt", reference="judge.prompt")
    completer = _completer(spec, judging)
    requests = [request for pair in pairs for request in _requests(spec, prompt, pair)]
    heard = progress.part(len(pairs), len(requests))
    bill, outcomes = Bill(price=completer.price), list[Outcome]()
    try:
        for outcome in completer.complete(requests):
            bill.add(outcome)
            outcomes.append(outcome)
            heard(1)
    except BenchError as error:
        raise type(error)([replace(one, what=f"{_place(completer)}: {one.what}") for one in error.problems]) from error
    _check(outcomes, completer)
    orders = [_order(outcome) for outcome in outcomes]
    return Session(
        judgements={
            pair.id: Judgement(own_first=orders[2 * at], own_second=orders[2 * at + 1]) for at, pair in enumerate(pairs)
        },
        bill=bill,
        judge=next((outcome.reply.model for outcome in outcomes if outcome.reply is not None), completer.name),
        host=completer.host,
        rejected=sum(outcome.rejected for outcome in outcomes),
    )


def _requests(spec: JudgeSpec, prompt: Prompt, pair: Pair) -> Iterator[Request]:
    for first, second in ((pair.own, pair.other), (pair.other, pair.own)):
        text = prompt.render(question=pair.question, first=first, second=second, system=pair.system)
        yield Request.ask(text, sampling=spec.sampling)


def _order(outcome: Outcome) -> Order:
    text = None if outcome.reply is None else outcome.reply.text
    return Order(text=text, verdict=None if text is None else read_verdict(text))


def _check(outcomes: Sequence[Outcome], completer: Completer) -> None:
    failed = [outcome for outcome in outcomes if outcome.reply is None and not outcome.rejected]
    refused = [outcome for outcome in outcomes if outcome.rejected]
    lost = failed or (refused if len(refused) == len(outcomes) else [])
    if lost:
        what = f"{len(lost):,} of {len(outcomes):,} requests got no reply, the last: {lost[-1].failure}"
        hint = "what was answered is kept; the same command goes on from there"
        raise IncompleteError(Problem(reference="judge.no-reply", what=what, where=_place(completer), hint=hint))


def _place(completer: Completer) -> str:
    return f"judge {completer.name} at {completer.host}" if completer.host else f"judge {completer.name}"


def _completer(spec: JudgeSpec, judging: Judging) -> Completer:
    cache = Path(judging.replies)
    if spec.judge.endpoint is not None:
        return open_endpoint(spec.judge.endpoint, cache=cache)
    model, local = judging.judge.model, spec.judge.local
    assert model is not None, "resolved"
    assert local is not None, "validated"
    return LocalJudge(asker=LocalAsker(model=model, precision=local.precision, cache=ReplyCache(folder=cache)))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJudge:
    """A model on this machine, loaded in this process when the first request needs it."""

    asker: LocalAsker

    @property
    def name(self) -> str:
        """The model's."""
        return self.asker.model.name

    @property
    def host(self) -> str | None:
        """This machine."""
        return None

    @property
    def price(self) -> Price | None:
        """None."""
        return None

    def digest(self, request: Request) -> str:
        """See `LocalAsker`."""
        return self.asker.digest(request)

    def complete(self, requests: Sequence[Request]) -> Iterator[Outcome]:
        """Outcomes in order; each batch's replies are kept before the next is made."""
        return self.asker.complete(requests, self._make)

    def _make(self, new: dict[str, Request]) -> dict[str, Reply | str]:
        subject = load_writer(self.asker.model, self.asker.precision)
        found, asked = dict[str, Reply | str](), list(new.items())
        for start in range(0, len(asked), AT_ONCE):
            part = asked[start : start + AT_ONCE]
            seeds = [seed_of(digest, request) for digest, request in part]
            made = answer(subject, [request for _, request in part], seeds)
            for (digest, request), one in zip(part, made, strict=True):
                if isinstance(one, str):
                    found[digest] = one
                    continue
                found[digest] = self.asker.keep(
                    digest,
                    request,
                    text=one.text,
                    finish_reason=one.finish_reason,
                    prompt_tokens=one.prompt_tokens,
                    completion_tokens=one.completion_tokens,
                )
        return found
