"""A served model as a subject: messages in, answers out, every request counted.

Contract: an answer ends at the first of its stop texts, whether or not the server was sent it; thinking is stripped
where it is asked for. A request that is refused for itself has no answer and a reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.data.render.row import Row
from bench.endpoint.asking import ask_all
from bench.endpoint.completion import MOST_STOPS, Completer, Completion, CompletionRequest, Message
from bench.endpoint.usage import Usage
from bench.evals.example_part import rows_of
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.endpoint_use import EndpointUse
from bench.record.results.evals.evaluation import Generated
from bench.suite.tables.models.endpoint import Sampling
from bench.text import split_thinking

TEMPLATE = "the server's own"
"""How a server wraps prompts, for the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAnswer:
    """One answer, or why there is none."""

    text: str | None
    ended: bool
    """Whether it ended by itself rather than for its length."""
    why: str | None = None
    """Why there is no text."""
    thinking: str | None = None
    unfinished_thinking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRequest:
    """What is asked, and how the reply is read."""

    messages: tuple[Message, ...]
    max_tokens: int
    stop: tuple[str, ...]
    strip_thinking: bool
    temperature: float = 0.0
    top_p: float | None = None
    seed: int | None = None
    sample: int = 0

    def completion_request(self) -> CompletionRequest:
        """What is sent."""
        sampling = Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=self.stop[:MOST_STOPS],
            seed=self.seed,
        )
        return CompletionRequest(messages=self.messages, sampling=sampling, sample=self.sample)


@dataclass(slots=True, kw_only=True)
class ServedSubject:
    """One served model and what it was asked in this job."""

    completer: Completer
    concurrency: int
    most_rows: int | None = None
    """Rows of an eval to take; `None`: all. A rehearsal takes a few."""
    usage: Usage = field(init=False)
    refused: int = 0
    answers: int = 0
    temperature: float = 0.0
    named: str | None = None
    """Name that the server gives its model."""

    def __post_init__(self) -> None:
        self.usage = Usage(price=self.completer.price)

    @property
    def batch(self) -> str:
        """How requests were sent, for the record."""
        return f"up to {self.concurrency} requests at once"

    def rows(self, job: EvalJob) -> Sequence[Row]:
        """The eval's own rows, in order, or those of the part that the job scores."""
        return rows_of(job)[: self.most_rows]

    def answer(self, requests: Sequence[ServedRequest], report: Callable[[int], None]) -> list[ServedAnswer]:
        """Answers in the order of `requests`. Raises `InputError` or `IncompleteError` where the server stops
        answering; its replies so far are stored."""
        if not requests:
            return []
        asked = [request.completion_request() for request in requests]
        completions = ask_all(self.completer, asked, self.usage, report, role="endpoint")
        self.answers += len(requests)
        self.refused += sum(completion.rejected for completion in completions)
        self.temperature = max(self.temperature, *(request.temperature for request in requests))
        self.named = self.named or next((c.reply.model for c in completions if c.reply is not None), None)
        return [_read(request, completion) for request, completion in zip(requests, completions, strict=True)]

    def account(self, *, samples: int) -> Generated:
        """The figures of all answers so far, `samples` to a prompt. A server's speed is its own matter."""
        return Generated(
            answers=self.answers,
            samples=samples,
            temperature=self.temperature,
            tokens=self.usage.completion_tokens or 0,
            seconds=0.0,
            tokens_per_second=None,
            first_token_seconds=None,
            checked=0,
            differed=0,
        )

    def used(self) -> EndpointUse:
        """Requests, tokens and cost so far."""
        price = self.usage.price
        return EndpointUse(
            model=self.named or self.completer.name,
            host=self.completer.host,
            asked=self.usage.asked,
            reused=self.usage.reused,
            refused=self.refused,
            prompt_tokens=self.usage.prompt_tokens,
            completion_tokens=self.usage.completion_tokens,
            cost=self.usage.cost,
            cost_now=self.usage.cost_now,
            currency=None if price is None else price.currency,
        )


def _read(request: ServedRequest, completion: Completion) -> ServedAnswer:
    reply = completion.reply
    if reply is None:
        return ServedAnswer(text=None, ended=False, why=f"the endpoint refused it: {completion.failure}")
    text, thinking, finished = reply.text, None, True
    if request.strip_thinking:
        split = split_thinking(text)
        text, thinking, finished = split.answer, split.thinking, split.finished
    cut = min((at for stop in request.stop if (at := text.find(stop)) >= 0), default=None)
    return ServedAnswer(
        text=text if cut is None else text[:cut],
        ended=cut is not None or not reply.cut,
        thinking=thinking,
        unfinished_thinking=not finished,
    )
