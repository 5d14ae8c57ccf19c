"""Conversations with a subject: its own answers to the turns that a row leaves open.

Contract: an assistant's turn without content, and always the last turn, is written by the subject; its text is part of
the prompts of later turns. Prompts are rendered as in training. Draws depend on the decoding's seed, the sample's
number and the prompt, so that all subjects meet the same ones; answers are made together under a budget of slots, and a
few are computed again alone, to see whether the batch mattered and to time a lone prompt.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.emit import Emit
from bench.errors import InputError
from bench.evals.inference.generation.request import Generation, GenerationRequest, TokenSampling
from bench.evals.outcome import NOT_FINITE, NOT_PRINTED, EvalOutput, ExampleProgress
from bench.evals.subject.subject import Subject, strips_thinking
from bench.record.results.evals.evaluation import Generated, Measure, ScoreRow
from bench.suite.catalog.template import Template
from bench.suite.tables.evals.decoding import Decoding
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.questions import QuestionsSpec
from bench.text import opens_thinking

_BARE = Template(
    name="none",
    text="{% for message in messages %}{{ message.content }}{% if message.input %}\n{{ message.input }}{% endif %}"
    "{% if not loop.last %}\n{% endif %}{% endfor %}",
)
"""Joins the turns of a prompt without a template: one turn per line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReply:
    """One answer to one open turn."""

    asked: str
    """The user's text, without the template."""
    prompt: str
    """The whole prompt that the model was given, as text."""
    text: str | None
    """The answer without white space around it; `None` where the model gave no finite logits."""
    ids: tuple[int, ...] | None
    """Its tokens, without the one that ended it; `None` of a server, which gives text."""
    ended: bool
    unanswered: str | None = None
    """Why there is no text."""
    thinking: str | None = None
    """The thinking that was stripped from `text`."""
    unfinished_thinking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """All answers of a subject."""

    of: tuple[tuple[tuple[TurnReply, ...], ...], ...]
    """[row][sample][open turn]."""
    generated: Generated
    template: str
    """Its name, or `none`."""
    batch: str
    truncated: int
    """Rows with a prompt that lost its beginning, to fit the model's context."""
    strip_thinking: bool

    def output(self, rows: tuple[ScoreRow, ...], measures: tuple[Measure, ...] = ()) -> EvalOutput:
        """The eval's output with what was made of the answers."""
        return EvalOutput(
            rows=rows,
            measures=measures,
            template=self.template,
            batch=self.batch,
            truncated=self.truncated,
            strip_thinking=self.strip_thinking,
            generated_tokens=self.generated.tokens,
            generated=self.generated,
        )


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One row being answered, for one of its samples."""

    row: int
    sample: int
    turns: list[Turn]
    open: tuple[int, ...]
    replies: list[TurnReply] = field(default_factory=list)

    def before(self, turn: int) -> list[Turn]:
        """What comes before the open turn of that number."""
        return self.turns[: self.open[turn]]

    def fill(self, turn: int, reply: TurnReply) -> None:
        """Put the subject's answer into the open turn of that number."""
        self.replies.append(reply)
        self.turns[self.open[turn]] = Turn(role="assistant", content=reply.text or "")


AnswerTurn = Callable[[Sequence[Conversation], int, Callable[[int], None]], None]
"""Fills the open turn of a number in every conversation, and reports how many are done."""


def converse(
    rows: Sequence[Row], samples: int, answer: AnswerTurn, progress: ExampleProgress
) -> tuple[tuple[tuple[TurnReply, ...], ...], ...]:
    """Replies as [row][sample][open turn]: all conversations take a turn before any takes the next."""
    conversations = [
        Conversation(row=number, sample=sample, turns=list(row.turns), open=open_turns(row))
        for number, row in enumerate(rows)
        for sample in range(samples)
    ]
    report = progress.part(len(rows), sum(len(conversation.open) for conversation in conversations))
    for turn in range(max((len(conversation.open) for conversation in conversations), default=0)):
        answer([pending for pending in conversations if turn < len(pending.open)], turn, report)
    replies = [tuple(conversation.replies) for conversation in conversations]
    return tuple(tuple(replies[at : at + samples]) for at in range(0, len(replies), samples))


def asked(spec: GenerationSpec | QuestionsSpec, subject: Subject, rows: Sequence[Row], emit: Emit) -> Replies:
    """The subject's answers to an eval's rows, as its keys say."""
    wrapped = spec.template == "suite"
    strip = strips_thinking(spec.strip_thinking, subject, wrapped=wrapped)
    progress = ExampleProgress(emit, len(rows))
    return ask(subject, rows, spec.decoding, wrapped=wrapped, strip_thinking=strip, progress=progress)


def ask(
    subject: Subject,
    rows: Sequence[Row],
    decoding: Decoding,
    *,
    wrapped: bool,
    progress: ExampleProgress,
    strip_thinking: bool = False,
) -> Replies:
    """The subject's answers to every row's open turns."""
    asker = _Asker(subject=subject, decoding=decoding, wrapped=wrapped, strip_thinking=strip_thinking)
    replies = converse(rows, decoding.samples, asker.answer, progress)
    generated = asker.drawn.account(samples=decoding.samples)
    return Replies(
        of=replies,
        generated=generated,
        template=asker.template,
        batch=asker.drawn.describe(generated),
        truncated=len(asker.cut),
        strip_thinking=strip_thinking,
    )


def open_turns(row: Row) -> tuple[int, ...]:
    """Positions of the turns that the subject says."""
    last = len(row.turns) - 1
    return tuple(at for at, turn in enumerate(row.turns) if turn.role == "assistant" and (turn.is_empty or at == last))


class _Asker:
    """Turns conversations into requests, and counts."""

    def __init__(self, *, subject: Subject, decoding: Decoding, wrapped: bool, strip_thinking: bool) -> None:
        self._subject = subject
        self._decoding = decoding
        self._strip_thinking = strip_thinking
        self._wrapped = wrapped
        self._renderer = subject.renderer if wrapped else _bare(subject)
        self.drawn = subject.generator()
        self.cut: set[int] = set()

    @property
    def template(self) -> str:
        """Name of the template in use, or `none`."""
        return self._renderer.template.name

    def answer(self, conversations: Sequence[Conversation], turn: int, report: Callable[[int], None]) -> None:
        """Fills the open turn of that number in every conversation."""
        asked = [conversation for conversation in conversations if self._can_ask(conversation, turn)]
        generations = self.drawn.draw([self._request(conversation, turn) for conversation in asked], report)
        for conversation, generation in zip(asked, generations, strict=True):
            self._keep(conversation, turn, generation)
        report(len(conversations) - len(asked))

    def _can_ask(self, conversation: Conversation, turn: int) -> bool:
        """Whether the template prints the prompt; else the turn has no reply."""
        before = conversation.before(turn)
        try:
            if self._wrapped:
                self._renderer.check_prompt(before, "")
        except InputError:
            said = user_text(before[-1])
            reply = TurnReply(asked=said, prompt="", text=None, ids=(), ended=False, unanswered=NOT_PRINTED)
            conversation.fill(turn, reply)
            return False
        return True

    def _request(self, conversation: Conversation, turn: int) -> GenerationRequest:
        before = conversation.before(turn)
        ids = self._renderer.prompt(before)
        limit, new_tokens = self._subject.context_length, self._decoding.max_new_tokens
        kept = ids[-max(limit - new_tokens, limit // 2) :]
        if len(kept) < len(ids):
            self.cut.add(conversation.row)
        return GenerationRequest(
            prompt=tuple(kept),
            stop_ids=frozenset(self._renderer.stop_ids),
            until=(*self._renderer.stop_strings, *self._decoding.stop),
            max_new_tokens=min(new_tokens, limit - len(kept)),
            sampling=self._sampling(kept, conversation.sample),
            strip_thinking=self._strip_thinking,
            thinking_begun=self._strip_thinking and opens_thinking(self._renderer.prompt_text(before)),
        )

    def _sampling(self, prompt: Sequence[int], sample: int) -> TokenSampling | None:
        decoding = self._decoding
        if decoding.temperature == 0:
            return None
        identity = f"{decoding.seed}:{sample}:{','.join(map(str, prompt))}"
        return TokenSampling(
            temperature=decoding.temperature,
            top_k=decoding.top_k,
            top_p=decoding.top_p,
            seed=int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") >> 1,
        )

    def _keep(self, conversation: Conversation, turn: int, generation: Generation | None) -> None:
        before = conversation.before(turn)
        text = None if generation is None else self._renderer.clean(generation.text)
        ids = () if generation is None else generation.ids
        stopped = bool(ids) and ids[-1] in self._renderer.stop_ids
        reply = TurnReply(
            asked=user_text(before[-1]),
            prompt=self._renderer.prompt_text(before),
            text=text,
            ids=ids[:-1] if stopped else ids,
            ended=generation is not None and generation.ended,
            unanswered=NOT_FINITE if generation is None else None,
            thinking=None if generation is None else generation.thinking,
            unfinished_thinking=generation is not None and generation.unfinished_thinking,
        )
        conversation.fill(turn, reply)


def _bare(subject: Subject) -> Renderer:
    """Prompts as they are, with what the tokenizer puts before every text."""
    return Renderer(subject.tokenizer, _BARE, max_length=subject.context_length)


def user_text(turn: Turn) -> str:
    """The user's words, with the input that belongs to them."""
    return turn.content if turn.input is None else f"{turn.content}\n{turn.input}"
