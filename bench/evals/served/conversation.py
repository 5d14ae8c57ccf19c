"""Conversations with a served model: its own answers to the turns that a row leaves open, as messages."""

from collections.abc import Callable, Sequence

from bench.data.render.row import Row, Turn
from bench.endpoint.completion import Message
from bench.errors import InputError, Problem
from bench.evals.generated.conversation import Conversation, Replies, TurnReply, converse, user_text
from bench.evals.outcome import ExampleProgress
from bench.evals.served.subject import TEMPLATE, ServedAnswer, ServedRequest, ServedSubject
from bench.suite.tables.evals.decoding import Decoding


def messages_of(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """A prompt's turns, plain text as the user's. Raises `InputError` for tools, which have no place
    in a plain chat."""
    if any(turn.role == "tool" or turn.tools or turn.tool_calls for turn in turns):
        what = "a prompt with tools, or with calls of tools, cannot be sent to an endpoint as it is"
        hint = "leave such rows out, or compare weights on this machine"
        raise InputError(Problem(reference="endpoint.tools", what=what, hint=hint))
    return tuple(
        Message.model_validate({"role": "user" if turn.role == "text" else turn.role, "content": user_text(turn)})
        for turn in turns
    )


def ask_served(
    subject: ServedSubject, rows: Sequence[Row], decoding: Decoding, *, strip_thinking: bool, progress: ExampleProgress
) -> Replies:
    """The served model's answers to every row's open turns."""

    def answer(conversations: Sequence[Conversation], turn: int, report: Callable[[int], None]) -> None:
        sent = [messages_of(conversation.before(turn)) for conversation in conversations]
        requests = [
            _request(messages, decoding, conversation.sample, strip_thinking=strip_thinking)
            for messages, conversation in zip(sent, conversations, strict=True)
        ]
        answers = subject.answer(requests, report)
        for conversation, messages, answered in zip(conversations, sent, answers, strict=True):
            conversation.fill(turn, _reply(messages, answered))

    replies = converse(rows, decoding.samples, answer, progress)
    return Replies(
        of=replies,
        generated=subject.account(samples=decoding.samples),
        template=TEMPLATE,
        batch=subject.batch,
        truncated=0,
        strip_thinking=strip_thinking,
    )


def _reply(sent: Sequence[Message], answer: ServedAnswer) -> TurnReply:
    return TurnReply(
        asked=sent[-1].content,
        prompt="\n\n".join(part.content for part in sent),
        text=None if answer.text is None else answer.text.strip(),
        ids=None,
        ended=answer.ended,
        unanswered=answer.why,
        thinking=answer.thinking,
        unfinished_thinking=answer.unfinished_thinking,
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
