"""Shared context of every kind of making: which model to ask, what to count, how a row looks."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from bench.endpoint.completion import Completer, Completion, CompletionRequest, Message, Reply
from bench.making.spec import Judge, MakeScore, MakeSpec, RowShape
from bench.making.summary import MakingTally
from bench.making.tasks import Task
from bench.suite.catalog.prompt import Prompt
from bench.text import without_thoughts

CHUNK = 256
"""Requests that are put together at most; the answers to one chunk are worked up while the next is not yet asked."""

S = TypeVar("S", bound=MakeSpec)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRow:
    """One made row."""

    id: str
    """Equal for equal rows, in any run."""
    fields: Mapping[str, Any]
    provenance: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Who marks answers, and how."""

    judge: Judge
    completer: Completer
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingContext(Generic[S]):
    """One making under way."""

    spec: S
    tasks: Sequence[Task]
    writer: Completer
    prompt: Prompt
    """The prompt of this kind of making."""
    answering: Prompt
    """The prompt with which the writer is asked to answer a question."""
    marking: Marking | None = None
    """For best of K by a judge."""
    rows_by_id: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Rows of the file by id, those of this run included."""
    tally: MakingTally = field(default_factory=MakingTally)
    notify: Callable[[MakingTally], None] = lambda tally: None
    """Called with the counts after every completion."""

    def ask(self, requests: Sequence[CompletionRequest], completer: Completer | None = None) -> Iterator[Completion]:
        """Completions in order, counted."""
        endpoint = completer or self.writer
        for completion in endpoint.complete(requests):
            self.tally.hear(endpoint, completion)
            self.notify(self.tally)
            yield completion

    def usable(self, completion: Completion) -> str | None:
        """A whole answer; `None`, and counted, where it was cut off or is empty."""
        reply = completion.reply
        if reply is None:
            return None
        text = reply.text.strip() if self.spec.keep_thoughts else without_thoughts(reply.text)
        if reply.cut or not text:
            self.tally.left_out["cut off" if reply.cut else "empty"] += 1
            return None
        return text

    def answer_request(self, turns: Sequence[Mapping[str, Any]], sample: int = 0) -> CompletionRequest:
        """Asks the writer to answer a conversation; each question is put as the prompt says."""
        system_texts = [turn["content"] for turn in turns if turn["role"] == "system"]
        system = "\n\n".join(part for part in (self.spec.system, *system_texts) if part)
        messages = [Message(role="system", content=system)] if system else []
        for turn in turns:
            if turn["role"] == "user":
                text = self.answering.render(instruction=turn["content"], input=turn.get("input", ""), output="")
                messages.append(Message(role="user", content=text))
            elif turn["role"] == "assistant":
                messages.append(Message(role="assistant", content=turn["content"]))
        return CompletionRequest(messages=tuple(messages), sampling=self.spec.sampling, sample=sample)

    def question(self, text: str, sample: int = 0) -> CompletionRequest:
        """Asks the writer one thing."""
        return CompletionRequest.ask(text, sampling=self.spec.sampling, system=self.spec.system, sample=sample)

    def provenance(self, reply: Reply, tasks: Iterable[Task], **more: Any) -> dict[str, Any]:
        """Where a row comes from."""
        return {
            "kind": self.spec.kind,
            "model": reply.model,
            "host": reply.host,
            "request": reply.digest,
            "prompt_sha256": self.prompt.sha256,
            "at": reply.at,
            "tasks": [task.origin for task in tasks],
            **more,
        }


def fields(shape: RowShape, turns: Sequence[Mapping[str, Any]], answer: str) -> dict[str, Any]:
    """A row in a shape that training reads."""
    if shape == "alpaca":
        question = turns[-1]
        return {"instruction": question["content"], "input": question.get("input", ""), "output": answer}
    flags = [{"train": False} if turn.get("train") is False else {} for turn in turns]
    messages = [{"role": turn["role"], "content": joined(turn)} | flag for turn, flag in zip(turns, flags, strict=True)]
    return {"messages": [*messages, {"role": "assistant", "content": answer}]}


def joined(turn: Mapping[str, Any]) -> str:
    """A turn's content with its input."""
    return f"{turn['content']}\n{turn['input']}" if turn.get("input") else str(turn["content"])


def mark_prompt(
    prompt: Prompt, scale: Judge | MakeScore, task: Task, answer: str | None, *, reference: str | None = None
) -> str:
    """What a model is asked that marks an answer; of a conversation, with the earlier turns in the question."""
    earlier = "\n\n".join(f"{turn['role']}: {joined(turn)}" for turn in task.turns)
    return prompt.render(
        instruction=task.instruction if task.single else earlier,
        input=task.input if task.single else "",
        output=answer,
        reference=reference,
        low=f"{scale.low:g}",
        high=f"{scale.high:g}",
    )


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items."""
    rest = iter(items)
    while chunk := list(islice(rest, max(1, size))):
        yield chunk


def plain(value: Any) -> Any:
    """A value as JSON can hold it: other types become text, a NaN or infinity becomes `None`."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
