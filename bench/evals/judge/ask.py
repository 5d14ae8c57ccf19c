"""Asks a judge about pairs of answers, each in both orders, and reads its verdicts.

Contract: a reply is on disk before it is read. A request that is refused for itself, and a reply without a verdict,
are counted; requests that got no reply after all retries end the job, so that an outage is never a score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.endpoint.asking import ask_all
from bench.endpoint.cache import ReplyCache
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import Completer, Completion, CompletionRequest, Reply
from bench.endpoint.local_model import LocalAsker, seed_of
from bench.endpoint.usage import Usage
from bench.evals.completions import AT_ONCE, answer, load_writer
from bench.evals.judge.pairs import AnswerPair
from bench.evals.judge.verdict import JudgeVerdict, read_verdict
from bench.evals.outcome import ExampleProgress
from bench.record.jobs.eval_job import Judging
from bench.suite.catalog.prompt import Prompt
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import Price


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
    replies, module = ReplyCache(folder=cache), answer.__module__
    return LocalJudge(asker=LocalAsker(model=model, precision=local.precision, cache=replies, generated_by=module))


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

    def digest(self, request: CompletionRequest) -> str:
        """See `LocalAsker`."""
        return self.asker.digest(request)

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """Completions in order; each batch's replies are stored before the next batch."""
        return self.asker.complete(requests, self._make)

    def _make(self, new: dict[str, CompletionRequest]) -> dict[str, Reply | str]:
        subject = load_writer(self.asker.model, self.asker.precision)
        replies, requests = dict[str, Reply | str](), list(new.items())
        for start in range(0, len(requests), AT_ONCE):
            part = requests[start : start + AT_ONCE]
            seeds = [seed_of(digest, request) for digest, request in part]
            answers = answer(subject, [request for _, request in part], seeds)
            for (digest, request), reply in zip(part, answers, strict=True):
                if isinstance(reply, str):
                    replies[digest] = reply
                    continue
                replies[digest] = self.asker.keep(
                    digest,
                    request,
                    text=reply.text,
                    finish_reason=reply.finish_reason,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                )
        return replies
