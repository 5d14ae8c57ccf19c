"""Rows to token ids and the mask of what is supervised; prompts to the very ids that evaluation starts from.

Contract: a rendered row is prompt ids + answer ids + the ending, tokenised apart and joined, so that in training an
answer follows exactly the ids that it follows in evaluation. Supervised are the last answer and its ending, and nothing
else; the ending always closes with a token at which generation stops (`stop_ids`). Plain text goes through no template:
all of it and its end are supervised. Rows longer than `max_length` keep their start. What spells a special token in a
row stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.row import Row, Turn
from bench.errors import InputError, Problem
from bench.suite.resolved import ResolvedModel
from bench.suite.template import TOKENIZER, Message, Template, TemplateRefusedError, load_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_QUESTION, _ANSWER, _SYSTEM = "Qz7question", "Qz7answer", "Qz7system"
"""Texts that no template holds, to see where it puts what."""
_ANCHOR = "\n"
_GUARD = "\ue0f8\ue0f9"
"""Stands before and after what spells a special token in a row, until it is tokenised: of Unicode's private use."""
_FALLBACK = "dialogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One row as the model sees it."""

    input_ids: list[int]
    labels_mask: list[bool]
    """True where the token is supervised; as long as `input_ids`."""
    truncated: bool
    """Cut at `max_length`; the ending is then gone, too."""
    rebuilt: bool = False
    """The template's own rendering of the answer did not follow its prompt; prompt, answer and ending were joined."""

    @property
    def supervised(self) -> int:
        """Supervised tokens; 0 means that there is nothing to learn from this row."""
        return sum(self.labels_mask)


class Renderer:
    """One tokenizer with one template.

    `answer_prefix` is what stands between prompt and answer (a space in `dialogue`), `ending` the ids that close an
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
    ) -> None:
        """`end_of_turn` is the token that ends an answer where the template does not say; default: end-of-sequence.
        `thinking` sets the template's own switch (`enable_thinking`).

        Raises `InputError` where there is no such token or switch, or the template leaves a turn out.
        """
        self.template = template
        self.max_length = max_length
        self.tokenizer = tokenizer
        self._special = _spelling(tokenizer)
        self._notes = dict.fromkeys([template_note] if template_note else [])
        self._end_id = _end_id(tokenizer, end_of_turn)
        self._tokens = _special_tokens(tokenizer)
        if end_of_turn is not None and template.name != TOKENIZER:
            self._tokens["eos_token"] = end_of_turn
        if thinking:
            self._switch_thinking_on()
        self._begin = self._beginning()
        self._anchor = self._dummy_prefix_anchor()
        self._takes_system = self._shows_system()
        self.answer_prefix, self._tail, self._keeps_prompt = self._layout()
        self.ending, self.stop_ids, self.stop_strings = self._ending()

    @property
    def template_note(self) -> str | None:
        """What a report must say about the template, from the rows rendered so far; `None` if nothing."""
        return "; ".join(self._notes) or None

    def row(self, row: Row) -> Rendered:
        """Ids and mask of one row. Raises `InputError` where the template refuses the row."""
        if row.is_text:
            start, completion, rebuilt = list(self._begin), self._text_ids(row.answer), False
        else:
            prompt, answer, rebuilt = self._split(row)
            start, completion = self._prompt_ids(prompt), [*self._completion(answer), *self.ending]
        ids = start + completion
        mask = [False] * len(start) + [True] * len(completion)
        truncated = len(ids) > self.max_length
        return Rendered(
            input_ids=ids[: self.max_length],
            labels_mask=mask[: self.max_length],
            truncated=truncated,
            rebuilt=rebuilt,
        )

    def prompt_text(self, turns: Sequence[Turn]) -> str:
        """The text up to where the answer begins, without what the tokenizer puts before every text.

        Empty without turns, as before plain text.
        """
        return _unguarded(self._render([_message(turn) for turn in turns], add_generation_prompt=True)) if turns else ""

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids up to where the answer begins. Not cut."""
        if not turns:
            return list(self._begin)
        return self._prompt_ids(self._render([_message(turn) for turn in turns], add_generation_prompt=True))

    def answer(self, text: str) -> list[int]:
        """Ids of an answer as it follows any prompt, without the ending. Blanks before the text do not count: what
        stands between prompt and answer is the template's."""
        return self._completion(text.lstrip(" "))

    def clean(self, text: str) -> str:
        """A generated text as an answer: up to the first stop string, without white space around it."""
        for stop in self.stop_strings:
            text = text.partition(stop)[0]
        return text.strip()

    def _completion(self, printed: str) -> list[int]:
        """Ids of an answer just as it is printed after the `answer_prefix`."""
        if self.answer_prefix.strip():
            return self._follow(self.answer_prefix, special=True) + self._follow(printed, special=False)
        return self._follow(self.answer_prefix + printed, special=False)

    def _text_ids(self, text: str) -> list[int]:
        """Ids of plain text and its end."""
        end = self.tokenizer.eos_token_id
        return [*self._encode(text, special=False), self._end_id if end is None else int(end)]

    def _split(self, row: Row) -> tuple[str, str, bool]:
        """Prompt text, the answer as the template prints it, and whether it had to be rebuilt."""
        messages = [_message(turn) for turn in row.turns]
        try:
            prompt = self._render(messages[:-1], add_generation_prompt=True)
            full = self._render(messages, add_generation_prompt=False) if self._keeps_prompt else ""
        except TemplateRefusedError as error:
            what = f"template {self.template.name!r} refuses the row: {error}"
            hint = 'choose another template, such as model.template = "dialogue"'
            raise InputError(Problem(reference="template.refused", what=what, where=row.origin, hint=hint)) from error
        opening, closing = prompt + self.answer_prefix, self._tail
        if full.startswith(opening) and full.endswith(closing):
            printed = _unguarded(full[len(opening) : len(full) - len(closing)])
            if printed.strip() == row.answer.strip():
                return prompt, printed, False
        if self._keeps_prompt:
            self._notes["the template rewrites some answers: prompt, answer and ending joined by hand"] = None
        return prompt, row.answer, True

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        if not self._takes_system and messages and messages[0]["role"] == "system":
            self._notes["the template takes no system turn: its text stands before the first question"] = None
            messages = _without_system(messages)
        messages = [self._guarded(message) for message in messages]
        return self.template.render(messages, add_generation_prompt=add_generation_prompt, tokens=self._tokens)

    def _guarded(self, message: Message) -> Message:
        """The message with guards around all that spells a special token, so that it is not taken for one."""
        if self._special is None:
            return message
        guards = rf"{_GUARD}\g<0>{_GUARD}"
        return {
            key: text if key == "role" else self._special.sub(guards, text.replace(_GUARD, ""))
            for key, text in message.items()
        }

    def _encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids without added beginning or end; `special`: whether special tokens that the text spells are meant."""
        encoded: list[int] = self.tokenizer.encode(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            verbose=False,  # a row above the model's length is cut and counted here
        )
        return encoded

    def _prompt_ids(self, text: str) -> list[int]:
        if _GUARD in text:
            pieces = _pieces(text)
            ids = [
                token
                for at, piece, special in pieces
                for token in (self._follow(piece, special=special) if at else self._encode(piece, special=special))
            ]
        else:
            ids = self._encode(text)
        return ids if ids[: len(self._begin)] == self._begin else [*self._begin, *ids]

    def _follow(self, text: str, *, special: bool) -> list[int]:
        """Ids of text in mid-sequence: without the blank that some tokenizers put before the first word."""
        if self._anchor is not None:
            whole = self._encode(_ANCHOR + text, special=special)
            if whole[: len(self._anchor)] == self._anchor:
                return whole[len(self._anchor) :]
        return self._encode(text, special=special)

    def _beginning(self) -> list[int]:
        """Ids that the tokenizer puts before every text."""
        bare = self._encode("x")
        dressed: list[int] = self.tokenizer.encode("x", add_special_tokens=True)
        starts = range(len(dressed) - len(bare) + 1)
        return next((dressed[:start] for start in starts if dressed[start : start + len(bare)] == bare), [])

    def _dummy_prefix_anchor(self) -> list[int] | None:
        """The anchor's ids where a text reads otherwise alone than after the anchor; `None` where it does not."""
        anchor = self._encode(_ANCHOR)
        return None if self._encode(_ANCHOR + "x") == anchor + self._encode("x") else anchor

    def _switch_thinking_on(self) -> None:
        if "enable_thinking" not in self.template.text:
            what = f"template {self.template.name!r} has no thinking switch (`enable_thinking`)"
            hint = "leave model.thinking out"
            raise InputError(Problem(reference="template.no-thinking", what=what, where="model.thinking", hint=hint))
        self._tokens["enable_thinking"] = True
        self._notes["thinking is switched on"] = None

    def _shows_system(self) -> bool:
        try:
            text = self.template.render(
                [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _QUESTION}],
                add_generation_prompt=True,
                tokens=self._tokens,
            )
        except TemplateRefusedError:
            return False
        return _SYSTEM in text

    def _layout(self) -> tuple[str, str, bool]:
        """What stands before an answer, what after it, and whether a full rendering begins with the prompt's."""
        question, answer = {"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER}
        try:
            prompt = self._render([question], add_generation_prompt=True)
            full = self._render([question, answer], add_generation_prompt=False)
        except TemplateRefusedError as error:
            raise self._unusable("template.broken", f"fails: {error}") from error
        if _QUESTION not in prompt or _ANSWER not in full:
            raise self._unusable("template.drops-content", "leaves the question or the answer out")
        before, _, tail = full.partition(_ANSWER)
        if before.startswith(prompt):
            return before[len(prompt) :], tail, True
        self._notes["the template does not keep its prompt before an answer; prompt and answer joined by hand"] = None
        return "", tail, False

    def _unusable(self, reference: str, what: str) -> InputError:
        hint = 'choose another, such as model.template = "dialogue"'
        what = f"template {self.template.name!r} {what}"
        return InputError(Problem(reference=reference, what=what, where="model.template", hint=hint))

    def _ending(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]:
        """The template's own end of turn where it is a token; else what it prints, and the end token after it."""
        ids = self._follow(self._tail, special=True) if self._tail else []
        final = {self._end_id, *self.tokenizer.all_special_ids}
        at = next((position for position, token in enumerate(ids) if token in final), None)
        end_of_sequence = self.tokenizer.eos_token_id
        if at is not None:
            stops = dict.fromkeys([ids[at], self._end_id, *([] if end_of_sequence is None else [end_of_sequence])])
            return tuple(ids[: at + 1]), tuple(stops), ()
        text = self._tail.rstrip()
        ids = self._follow(text, special=True) if text else []
        stops = dict.fromkeys([self._end_id, *([] if end_of_sequence is None else [end_of_sequence])])
        if text:
            self._notes[f"{text!r} is no token here: it is spelled out, and the end token follows it"] = None
        return (*ids, self._end_id), tuple(stops), (text,) if text else ()


def make_renderer(tokenizer: PreTrainedTokenizerBase, model: ResolvedModel, max_length: int) -> Renderer:
    """The renderer for a model: the template that suite or card ask for, else the tokenizer's own, else `dialogue`.

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
    )


def _pieces(text: str) -> Iterator[tuple[int, str, bool]]:
    """Pieces of a guarded text: where each begins, and whether special tokens in it are meant."""
    at = 0
    for number, piece in enumerate(text.split(_GUARD)):
        if piece:
            yield at, piece, number % 2 == 0
        at += len(piece) + len(_GUARD)


def _unguarded(text: str) -> str:
    return text.replace(_GUARD, "")


def _spelling(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str] | None:
    """What spells a special token of the tokenizer, the longest first; `None` where it has none."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    names = sorted({*added, *map(str, tokenizer.all_special_tokens)} - {""}, key=lambda name: (-len(name), name))
    return re.compile("|".join(map(re.escape, names))) if names else None


def _message(turn: Turn) -> Message:
    if turn.input is None:
        return {"role": turn.role, "content": turn.content}
    return {"role": turn.role, "content": turn.content, "input": turn.input}


def _without_system(messages: Sequence[Message]) -> list[Message]:
    system, *rest = messages
    if not rest:
        return [{**system, "role": "user"}]
    return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, str | bool]:
    """The tokenizer's named special tokens, as chat templates read them."""
    return {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}


def _end_id(tokenizer: PreTrainedTokenizerBase, end_of_turn: str | None) -> int:
    if end_of_turn is None:
        if tokenizer.eos_token_id is None:
            raise InputError(
                Problem(
                    reference="model.no-end-of-sequence",
                    what="the tokenizer has no end-of-sequence token, so that no answer could end",
                    where="model",
                    hint="name the token that ends an answer as end_of_turn in a model card",
                )
            )
        return int(tokenizer.eos_token_id)
    token = tokenizer.convert_tokens_to_ids(end_of_turn)
    if not isinstance(token, int) or tokenizer.convert_ids_to_tokens(token) != end_of_turn:
        raise InputError(
            Problem(
                reference="model.unknown-end-of-turn",
                what=f"end_of_turn {end_of_turn!r} is no token of this tokenizer",
                where="model",
                hint="see the tokenizer's special tokens",
            )
        )
    return token
