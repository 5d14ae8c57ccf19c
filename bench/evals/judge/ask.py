"""Asks a judge about pairs of answers, each in both orders, and reads its verdicts.

Contract: a reply is on disk before it is read. A request that is refused for itself, and a reply without a verdict,
are counted; requests that got no reply after all retries end the job, so that an outage is never a score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.emit import RequestCompleted, RequestFailed
from bench.endpoint.asking import ask_all
from bench.endpoint.cache import ReplyCache
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import Completer, Completion, CompletionRequest
from bench.endpoint.local_model import CompleteRequest, LocalCompleter
from bench.endpoint.usage import Usage
from bench.evals.completions import answer, load_writer
from bench.evals.judge.pairs import AnswerPair
from bench.evals.judge.verdict import JudgeVerdict, read_verdict
from bench.evals.outcome import ExampleProgress
from bench.record.jobs.eval_job import Judging
from bench.suite.catalog.prompt import Prompt
from bench.suite.tables.evals.judge import JudgeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Reply and verdict for one order of one pair."""

    text: str | None
    """The judge's reply; `None` where the request was refused."""
    verdict: JudgeVerdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Both orders of one pair: this subject's answer first, then second."""

    own_first: Order
    own_second: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """All judgements, by pair, with tokens and cost."""

    judgements: Mapping[str, Judgement]
    bill: Usage
    judge: str
    host: str | None
    rejected: int


def judge_pairs(spec: JudgeSpec, judging: Judging, pairs: Sequence[AnswerPair], progress: ExampleProgress) -> Session:
    """Judgements of `pairs`, which have both answers. Raises `InputError` or `IncompleteError` where the judge stops
    answering; its replies so far are stored."""
    prompt = judge_prompt(spec, judging)
    completer = _completer(spec, judging)
    requests = [request for pair in pairs for request in judge_requests(spec, prompt, pair)]
    bill = Usage(price=completer.price)
    completions = ask_all(completer, requests, bill, progress.part(len(pairs), len(requests)), role="judge")
    orders = [_order(completion) for completion in completions]
    return Session(
        judgements={
            pair.id: Judgement(own_first=orders[2 * at], own_second=orders[2 * at + 1]) for at, pair in enumerate(pairs)
        },
        bill=bill,
        judge=next(
            (completion.reply.model for completion in completions if completion.reply is not None), completer.name
        ),
        host=completer.host,
        rejected=sum(completion.rejected for completion in completions),
    )


def judge_prompt(spec: JudgeSpec, judging: Judging) -> Prompt:
    """The prompt that the judge is given for each pair and order."""
    return Prompt(text=judging.judge.prompt, where=f"eval {spec.name!r}, prompt", reference="judge.prompt")


def judge_requests(spec: JudgeSpec, prompt: Prompt, pair: AnswerPair) -> Iterator[CompletionRequest]:
    """The requests for one pair: this subject's answer first, then second."""
    for first, second in ((pair.answer, pair.opponent), (pair.opponent, pair.answer)):
        text = prompt.render(question=pair.question, first=first, second=second, system=pair.system)
        yield CompletionRequest.ask(text, sampling=spec.sampling)


def _order(completion: Completion) -> Order:
    text = None if completion.reply is None else completion.reply.text
    return Order(text=text, verdict=None if text is None else read_verdict(text))


def _completer(spec: JudgeSpec, judging: Judging) -> Completer:
    cache = Path(judging.replies)
    if spec.judge.endpoint is not None:
        return open_endpoint(spec.judge.endpoint, table=f"eval {spec.name!r}: judge.endpoint", cache=cache)
    model, local = judging.judge.model, spec.judge.local
    assert model is not None, "resolved"
    assert local is not None, "validated"

    def ask(request: CompleteRequest) -> Iterator[RequestCompleted | RequestFailed]:
        yield from answer(load_writer(model, local.precision), request)  # loaded when the first request needs it

    return LocalCompleter(
        model=model,
        precision=local.precision,
        cache=ReplyCache(folder=cache),
        generated_by=answer.__module__,
        ask=ask,
    )
