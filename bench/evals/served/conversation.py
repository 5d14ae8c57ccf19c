"""Conversations with a served model: its own answers to the turns that a row leaves open, as messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.data.render.row import Row, Turn
from bench.endpoint.completion import Message
from bench.errors import InputError, Problem
from bench.evals.generated.conversation import Replies, TurnReply, open_turns, user_text
from bench.evals.outcome import ExampleProgress
from bench.evals.served.subject import TEMPLATE, ServedAnswer, ServedRequest, ServedSubject
from bench.suite.tables.evals.decoding import Decoding


@dataclass(slots=True, kw_only=True)
class _ServedConversation:
    """One row being answered, for one of its samples."""

    row: Row
    sample: int
    turns: list[Turn]
    open: tuple[int, ...]
    replies: list[TurnReply] = field(default_factory=list)

    def take(self, turn: int, answer: ServedAnswer, sent: Sequence[Message]) -> None:
        """Fill the open turn of that number."""
        at = self.open[turn]
        text = None if answer.text is None else answer.text.strip()
        self.replies.append(
            TurnReply(
                asked=sent[-1].content,
                prompt="\n\n".join(part.content for part in sent),
                text=text,
                ids=None,
                ended=answer.ended,
                unanswered=answer.why,
                thinking=answer.thinking,
                unfinished_thinking=answer.unfinished_thinking,
            )
        )
        self.turns[at] = Turn(role="assistant", content=text or "")


def messages_before(turns: Sequence[Turn], at: int) -> tuple[Message, ...]:
    """All before the turn of that number, plain text as the user's. Raises `InputError` for tools, which have no place
    in a plain chat."""
    if any(turn.role == "tool" or turn.tools or turn.tool_calls for turn in turns[:at]):
        what = "a prompt with tools, or with calls of tools, cannot be sent to an endpoint as it is"
        hint = "leave such rows out, or compare weights on this machine"
        raise InputError(Problem(reference="endpoint.tools", what=what, hint=hint))
    return tuple(
        Message.model_validate({"role": "user" if turn.role == "text" else turn.role, "content": user_text(turn)})
        for turn in turns[:at]
    )


def ask_served(
    subject: ServedSubject, rows: Sequence[Row], decoding: Decoding, *, strip_thinking: bool, progress: ExampleProgress
) -> Replies:
    """The served model's answers to every row's open turns."""
    by_row = [
        [
            _ServedConversation(row=row, sample=sample, turns=list(row.turns), open=open_turns(row))
            for sample in range(decoding.samples)
        ]
        for row in rows
    ]
    every = [conversation for samples in by_row for conversation in samples]
    report = progress.part(len(rows), sum(len(conversation.open) for conversation in every))
    for turn in range(max((len(conversation.open) for conversation in every), default=0)):
        waiting = [conversation for conversation in every if turn < len(conversation.open)]
        sent = [messages_before(conversation.turns, conversation.open[turn]) for conversation in waiting]
        requests = [
            _request(messages, decoding, conversation.sample, strip_thinking=strip_thinking)
            for messages, conversation in zip(sent, waiting, strict=True)
        ]
        for conversation, messages, answer in zip(waiting, sent, subject.answer(requests, report), strict=True):
            conversation.take(turn, answer, messages)
    return Replies(
        of=tuple(tuple(tuple(conversation.replies) for conversation in samples) for samples in by_row),
        generated=subject.account(samples=decoding.samples),
        template=TEMPLATE,
        batch=subject.batch,
        truncated=0,
    )


def _request(messages: tuple[Message, ...], decoding: Decoding, sample: int, *, strip_thinking: bool) -> ServedRequest:
    drawn = decoding.temperature > 0
    return ServedRequest(
        messages=messages,
        max_tokens=decoding.max_new_tokens,
        stop=decoding.stop,
        strip_thinking=strip_thinking,
        temperature=decoding.temperature,
        top_p=decoding.top_p,
        seed=decoding.seed if drawn else None,
        sample=sample if drawn else 0,
    )
