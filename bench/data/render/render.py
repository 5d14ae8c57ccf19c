"""Rows to token ids and the mask of what is supervised; prompts to the very ids that evaluation starts from.

Contract: a rendered row is the template's text of it: prompt ids + answer ids + the ending, tokenised apart and joined,
so that in training an answer follows exactly the ids that it follows in evaluation. Supervised are the last answer and
its ending, and nothing else; the ending always closes with a token at which generation stops (`stop_ids`). Plain text
goes through no template: all of it and its end are supervised. Rows longer than `max_length` keep their start. Text
in a row that looks like a special token stays text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.render.earlier_answers import Span, earlier_answers, unfindable
from bench.data.render.encoder import Encoder
from bench.data.render.end_of_turn import end_token, ending, generation_stops
from bench.data.render.row import Row, Turn
from bench.data.render.special_tokens import spelt_tokens, unguarded
from bench.data.render.template.chat_template import ChatTemplate
from bench.errors import InputError, Problem
from bench.suite.catalog.template import TOKENIZER, Template, load_template
from bench.suite.resolved import ResolvedModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_FALLBACK = "dialogue"
_NAMED = 3
"""Special tokens that a note names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One row as the model sees it."""

    input_ids: list[int]
    labels_mask: list[bool]
    """True where the token is supervised; as long as `input_ids`."""
    truncated: bool
    """Cut at `max_length`; the ending is then gone, too."""

    @property
    def supervised(self) -> int:
        """Supervised tokens; 0 means that there is nothing to learn from this row."""
        return sum(self.labels_mask)


class Renderer:
    """One tokenizer with one template.

    `answer_prefix` is the text between prompt and answer (a space in `dialogue`), `ending` the ids that close an
    answer, `stop_ids` the ids and `stop_strings` the texts at which generation is to stop.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        template: Template,
        *,
        template_note: str | None = None,
        max_length: int,
        end_of_turn: str | None = None,
        thinking: bool = False,
        closed: bool = True,
        base_stops: Sequence[int] = (),
    ) -> None:
        """`end_of_turn` is the token that ends an answer where the template does not say; default: the one of
        `base_stops` (ids at which the base's own generation stops) that opens the next turn, then end-of-sequence.
        `thinking` sets the template's own switch (`enable_thinking`). `closed=False`: rows have no ending.

        Raises `InputError` where there is no such token or switch, or the template leaves a turn out.
        """
        self.max_length, self.closed = max_length, closed
        self.tokenizer = tokenizer
        self._end_id = end_token(tokenizer, end_of_turn)
        self._chat = ChatTemplate(tokenizer, template, note=template_note, end_of_turn=end_of_turn, thinking=thinking)
        self._encoder = Encoder(tokenizer)
        layout = self._chat.layout
        self.answer_prefix = layout.answer_prefix
        self._base_stops = tuple(base_stops)
        end_id = self._end_id if layout.tail or end_of_turn else self._opening_token(layout.after_answer)
        closing = ending(tokenizer, self._encoder, tail=layout.tail, end_id=end_id)
        self.ending, self.stop_strings = closing.ids, closing.stop_strings
        self.stop_ids = tuple(dict.fromkeys([*closing.stop_ids, *base_stops]))
        if closing.note:
            self._chat.notes[closing.note] = None
        self._rendered_rows = self._rendered_conversations = False
        self._spelt: dict[str, None] = {}

    @property
    def template_of_rows(self) -> str:
        """Name of the template of the rows rendered so far: `none` where all of them were plain text."""
        only_text = self._rendered_rows and not self._rendered_conversations
        return "none" if only_text else self.template.name

    @property
    def template(self) -> Template:
        """The template in use."""
        return self._chat.template

    @property
    def template_note(self) -> str | None:
        """What a report must say about the rows rendered so far and their template; `None` if nothing. Plain text goes
        through no template."""
        notes = [] if self.template_of_rows == "none" else list(self._chat.notes)
        names = list(self._spelt)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        spelt = [f"{', '.join(names[:_NAMED])}{more} in rows: learned as text, not as special tokens"] if names else []
        return "; ".join([*notes, *spelt]) or None

    def row(self, row: Row) -> Rendered:
        """Ids and mask of one row. Raises `InputError` where the template refuses the row."""
        self._rendered_rows = True
        self._rendered_conversations |= not row.is_text
        if row.is_text:
            start, completion = list(self._encoder.begin), self._text_ids(row.answer)
            self._spelt |= dict.fromkeys(spelt_tokens(self._chat.guarded_text(row.answer)))
        else:
            prompt, learned = self._chat.split(row)
            self._spelt |= dict.fromkeys(spelt_tokens(prompt + learned))
            start, completion = self._encoder.prompt(prompt), self._learned_ids(learned)
            if row.turns[-1].tool_calls and self.closed and completion[-1] in self._base_stops:
                completion[-1] = self._opening_token(self._chat.layout.after_call, completion[-1])
        ids = start + completion
        learned_at_all = row.is_text or not row.turns[-1].is_empty
        mask = [False] * len(start) + [learned_at_all] * len(completion)
        truncated = len(ids) > self.max_length
        return Rendered(
            input_ids=ids[: self.max_length],
            labels_mask=mask[: self.max_length],
            truncated=truncated,
        )

    def earlier_turns(self, row: Row, chosen: Callable[[Turn], bool]) -> list[bool]:
        """Whether each token before the last answer is in an earlier assistant turn that is `chosen`, or ends it.

        As long as the row's ids before its last answer. Raises `InputError` where such a turn cannot be found again.
        """
        prompt, _ = self._chat.split(row)
        spans = self._earlier_spans(row, chosen)
        places = self._encoder.prompt_places(prompt)
        return [any(start <= a < end and b <= end for start, end in spans) for a, b in places]

    def check(self, row: Row, chosen: Callable[[Turn], bool] = lambda turn: False) -> None:
        """Raises `InputError` where `row` does, or `earlier_turns` with turns that are `chosen`; tokenises nothing."""
        if not row.is_text:
            self._chat.split(row)
            if any(map(chosen, row.turns[:-1])):
                self._earlier_spans(row, chosen)

    def _earlier_spans(self, row: Row, chosen: Callable[[Turn], bool]) -> list[Span]:
        spans = earlier_answers(self._chat, self._chat.in_own_words(row), chosen, self._endings())
        if not self.tokenizer.is_fast:
            raise unfindable(row, "the tokenizer gives no character offsets of its tokens")
        return spans

    def _endings(self) -> tuple[str, ...]:
        """What may close an earlier turn, as text."""
        stops = (str(self.tokenizer.decode([stop])) for stop in self._base_stops)
        return tuple(dict.fromkeys([str(self.tokenizer.decode(self.ending)), *self.stop_strings, *stops]))

    def _opening_token(self, following: str, otherwise: int | None = None) -> int:
        """The first token of the text that follows a turn, where the base's generation stops at it."""
        first = self._encoder.follow(following, special=True)[:1] if following else []
        return first[0] if first and first[0] in self._base_stops else self._end_id if otherwise is None else otherwise

    def check_prompt(self, turns: Sequence[Turn], origin: str) -> None:
        """Raises `InputError` where the template refuses the turns of a prompt, or leaves a part of them out."""
        if turns:
            self._chat.check_prompt(turns, origin)

    def prompt_text(self, turns: Sequence[Turn]) -> str:
        """The text up to where the answer begins, without what the tokenizer puts before every text.

        Empty without turns, as before plain text.
        """
        return unguarded(self._chat.prompt(turns)) if turns else ""

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids up to where the answer begins. Not cut."""
        if not turns:
            return list(self._encoder.begin)
        return self._encoder.prompt(self._chat.prompt(turns))

    def answer(self, text: str) -> list[int]:
        """Ids of an answer as it follows any prompt, without the ending. Blanks before the text do not count: what
        comes between prompt and answer is the template's."""
        return self._encoder.completion(self.answer_prefix + self._chat.guarded_answer(text.lstrip(" ")))

    def clean(self, text: str) -> str:
        """A generated text as an answer: up to the first stop string, without white space around it."""
        for stop in self.stop_strings:
            text = text.partition(stop)[0]
        return text.strip()

    def _learned_ids(self, learned: str) -> list[int]:
        """Ids of what is learned of a row, just as the template prints it, closed by a token that ends it."""
        if learned.endswith(self._chat.layout.tail):
            ids = self._encoder.completion(learned[: len(learned) - len(self._chat.layout.tail)])
            return [*ids, *self.ending] if self.closed else ids
        ids = self._encoder.completion(learned.rstrip())
        return ids if not self.closed or (ids and ids[-1] in self.stop_ids) else [*ids, self._end_id]

    def _text_ids(self, text: str) -> list[int]:
        """Ids of plain text and its end."""
        end = self.tokenizer.eos_token_id
        close = [self._end_id if end is None else int(end)] if self.closed else []
        return [*self._encoder.encode(text, special=False), *close]


def make_renderer(
    tokenizer: PreTrainedTokenizerBase, model: ResolvedModel, max_length: int, *, closed: bool = True
) -> Renderer:
    """The renderer for a model: the template that suite or card ask for, else the tokenizer's own, else `dialogue`.

    `closed=False`: rows have no end token.

    Raises `InputError` where the tokenizer's own is asked for and there is none, or a template file changed.
    """
    note = None
    if model.template not in (None, TOKENIZER):
        template = load_template(model.template)
        if model.template_sha256 not in (None, template.sha256):
            what = f"template {model.template} is not the one that this run was resolved with"
            raise InputError(Problem(reference="template.changed", what=what, hint="start the run again"))
    elif tokenizer.chat_template:
        template = Template(name=TOKENIZER, text=tokenizer.get_chat_template())
    elif model.template == TOKENIZER:
        raise InputError(
            Problem(
                reference="template.no-chat-template",
                what="the tokenizer has no chat template of its own",
                where="model.template",
                hint=f'leave the key out, or name one, such as "{_FALLBACK}"',
            )
        )
    else:
        template = load_template(_FALLBACK)
        note = f"the tokenizer has no chat template: fell back to `{_FALLBACK}` (System:/User:/Assistant:)"
    return Renderer(
        tokenizer,
        template,
        template_note=note,
        max_length=max_length,
        end_of_turn=model.end_of_turn,
        thinking=model.thinking,
        closed=closed,
        base_stops=generation_stops(Path(model.path)),
    )
