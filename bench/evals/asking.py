"""Conversations with a subject: its own answers to the turns that a row leaves open.

Contract: an assistant's turn without content, and always the last turn, is the subject's to say; what it said stands in
the prompts of later turns. Prompts are rendered as in training. Draws depend on the decoding's seed, the sample's
number and the prompt, so that all subjects meet the same ones; answers are made in batches of similar length under a
budget of slots, and a few are made again alone, to see whether the batch mattered and to time a lone prompt.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import torch

from bench.data.render import Renderer
from bench.data.row import Row, Turn
from bench.evals.forward import SLOTS
from bench.evals.generation import Generation, Request, Sampling, generate
from bench.evals.outcome import Progress, Subject
from bench.record.result import Generated
from bench.suite.evals import Decoding
from bench.suite.template import Template

CHECKED = 3
"""Answers that are made again alone at full precision, where a difference would be a fault of every batch."""
CHECKED_ROUNDED = 16
"""The same at half precision, where rounding makes some answers depend on their batch and most not."""
CHECKED_TOKENS = 32
"""Of each, at most."""
_BARE = Template(
    name="none",
    text="{% for message in messages %}{{ message.content }}{% if message.input %}\n{{ message.input }}{% endif %}"
    "{% if not loop.last %}\n{% endif %}{% endfor %}",
)
"""Turns as they are, each on a line of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer to one open turn."""

    asked: str
    """The user's text, without the template."""
    prompt: str
    """As the model saw it, as text."""
    text: str | None
    """The answer without white space around it; `None` where the model gave no finite logits."""
    ids: tuple[int, ...]
    """Its tokens, without the one that ended it."""
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """All answers of a subject."""

    of: tuple[tuple[tuple[Reply, ...], ...], ...]
    """[row][sample][open turn]."""
    generated: Generated
    template: str
    """Its name, or `none`."""
    batch: str
    truncated: int
    """Rows with a prompt that lost its beginning, to fit the model's context."""


@dataclass(slots=True, kw_only=True)
class _Conversation:
    """One row being answered, for one of its samples."""

    row: int
    sample: int
    turns: list[Turn]
    open: tuple[int, ...]
    replies: list[Reply] = field(default_factory=list)


def ask(
    subject: Subject, rows: Sequence[Row], decoding: Decoding, *, wrapped: bool, progress: Progress, slots: int = SLOTS
) -> Replies:
    """The subject's answers to every row's open turns."""
    asker = _Asker(subject=subject, decoding=decoding, wrapped=wrapped, slots=slots)
    conversations = [
        _Conversation(row=number, sample=sample, turns=list(row.turns), open=open_turns(row))
        for number, row in enumerate(rows)
        for sample in range(decoding.samples)
    ]
    heard = progress.part(len(rows), sum(len(conversation.open) for conversation in conversations))
    for turn in range(max((len(conversation.open) for conversation in conversations), default=0)):
        asker.answer([one for one in conversations if turn < len(one.open)], turn, heard)
    by_row: list[list[tuple[Reply, ...]]] = [[] for _ in rows]
    for conversation in conversations:
        by_row[conversation.row].append(tuple(conversation.replies))
    generated = asker.account()
    return Replies(
        of=tuple(tuple(samples) for samples in by_row),
        generated=generated,
        template=asker.template,
        batch=f"by length, at most {slots} slots; {_seen(generated)}",
        truncated=len(asker.cut),
    )


def open_turns(row: Row) -> tuple[int, ...]:
    """Positions of the turns that the subject says."""
    last = len(row.turns) - 1
    return tuple(
        at for at, turn in enumerate(row.turns) if turn.role == "assistant" and (not turn.content or at == last)
    )


def _seen(generated: Generated) -> str:
    if not generated.checked:
        return "none made again alone"
    if not generated.differed:
        return f"{generated.checked} answers made again alone came out the same"
    return f"{generated.differed} of {generated.checked} answers came out otherwise when made alone"


class _Asker:
    """Turns conversations into requests, and counts."""

    def __init__(self, *, subject: Subject, decoding: Decoding, wrapped: bool, slots: int) -> None:
        self._subject = subject
        self._decoding = decoding
        self._slots = slots
        self._renderer = subject.renderer if wrapped else _bare(subject)
        self._seconds = 0.0
        self._asked: list[Request] = []
        self._said: list[Generation | None] = []
        self.cut: set[int] = set()

    @property
    def template(self) -> str:
        """Name of the template in use, or `none`."""
        return self._renderer.template.name

    def answer(self, conversations: Sequence[_Conversation], turn: int, heard: Callable[[int], None]) -> None:
        """Fills the open turn of that number in every conversation."""
        requests = [self._request(conversation, turn) for conversation in conversations]
        started = time.perf_counter()
        said = generate(
            self._subject.model,
            self._subject.tokenizer,
            requests,
            slots=self._slots,
            report=heard,
        )
        self._seconds += time.perf_counter() - started
        self._asked += requests
        self._said += said
        for conversation, generation in zip(conversations, said, strict=True):
            self._keep(conversation, turn, generation)

    def _request(self, conversation: _Conversation, turn: int) -> Request:
        before = conversation.turns[: conversation.open[turn]]
        ids = self._renderer.prompt(before)
        limit, new_tokens = self._subject.context_length, self._decoding.max_new_tokens
        kept = ids[-max(limit - new_tokens, limit // 2) :]
        if len(kept) < len(ids):
            self.cut.add(conversation.row)
        return Request(
            prompt=tuple(kept),
            stop_ids=frozenset(self._renderer.stop_ids),
            until=(*self._renderer.stop_strings, *self._decoding.stop),
            max_new_tokens=min(new_tokens, limit - len(kept)),
            sampling=self._sampling(kept, conversation.sample),
        )

    def _sampling(self, prompt: Sequence[int], sample: int) -> Sampling | None:
        decoding = self._decoding
        if decoding.temperature == 0:
            return None
        identity = f"{decoding.seed}:{sample}:{','.join(map(str, prompt))}"
        return Sampling(
            temperature=decoding.temperature,
            top_k=decoding.top_k,
            top_p=decoding.top_p,
            seed=int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") >> 1,
        )

    def _keep(self, conversation: _Conversation, turn: int, generation: Generation | None) -> None:
        at = conversation.open[turn]
        text = None if generation is None else self._renderer.clean(generation.text)
        ids = () if generation is None else generation.ids
        stopped = bool(ids) and ids[-1] in self._renderer.stop_ids
        reply = Reply(
            asked=_user_text(conversation.turns[at - 1]),
            prompt=self._renderer.prompt_text(conversation.turns[:at]),
            text=text,
            ids=ids[:-1] if stopped else ids,
            ended=generation is not None and generation.ended,
        )
        conversation.replies.append(reply)
        conversation.turns[at] = Turn(role="assistant", content=text or "")

    def account(self) -> Generated:
        """What was drawn and what it took; makes a few answers again, alone."""
        tokens = sum(len(generation.ids) for generation in self._said if generation is not None)
        checked = CHECKED if self._subject.model.dtype == torch.float32 else CHECKED_ROUNDED
        made = [at for at, generation in enumerate(self._said) if generation is not None and generation.ids]
        chosen = _spread(made, checked)
        delays = [self._first_token_seconds(self._asked[at]) for at in [*chosen[:1], *chosen]][1:]
        return Generated(
            answers=len(self._said),
            samples=self._decoding.samples,
            temperature=self._decoding.temperature,
            tokens=tokens,
            seconds=self._seconds,
            tokens_per_second=tokens / self._seconds if tokens and self._seconds else None,
            first_token_seconds=median(delays) if delays else None,
            checked=len(chosen),
            differed=sum(self._differs_alone(at) for at in chosen),
        )

    def _first_token_seconds(self, request: Request) -> float:
        started = time.perf_counter()
        generate(self._subject.model, self._subject.tokenizer, [replace(request, max_new_tokens=1)])
        return time.perf_counter() - started

    def _differs_alone(self, at: int) -> bool:
        request, said = self._asked[at], self._said[at]
        short = replace(request, max_new_tokens=min(request.max_new_tokens, CHECKED_TOKENS))
        (again,) = generate(self._subject.model, self._subject.tokenizer, [short])
        return said is None or again is None or again.ids != said.ids[: short.max_new_tokens]


def _bare(subject: Subject) -> Renderer:
    """Prompts as they are, with what the tokenizer puts before every text."""
    return Renderer(subject.tokenizer, _BARE, max_length=subject.context_length)


def _user_text(turn: Turn) -> str:
    return turn.content if turn.input is None else f"{turn.content}\n{turn.input}"


def _spread(positions: Sequence[int], count: int) -> list[int]:
    """`count` of the positions, evenly spread."""
    if len(positions) <= count:
        return list(positions)
    return [positions[number * (len(positions) - 1) // (count - 1)] for number in range(count)]
