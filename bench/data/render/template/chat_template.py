"""A chat template with one tokenizer's special tokens: turns to text, and the places of the assistant's words in it.

Contract: the text of a row is what the template prints for the whole conversation, or the row is refused. What a row
teaches begins where the template's own prompt ends; an empty block of thinking belongs to the prompt. A row is refused
whose text, thoughts, calls or tools the template leaves out; `notes` says what a report must know. Rendered text is
guarded (`bench.data.render.special_tokens`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.data.render.row import Row, Turn
from bench.data.render.special_tokens import Spelling, guarded, guarded_value, unguarded
from bench.data.render.template.complete import left_out
from bench.data.render.template.hints import hint_of, in_text
from bench.data.render.template.layout import QUESTION, TemplateLayout, layout_of, shows_system
from bench.data.render.template.messages import has_thinking, message_of, with_thoughts_apart, without_system
from bench.data.render.thinking import (
    empty_block,
    ends_with_block,
    opening_before,
    opening_tag,
    thoughts_and_answer,
    without_opening,
)
from bench.errors import InputError, Problem
from bench.suite.catalog.template import TOKENIZER, MessageFields, Template, TemplateRefusedError, no_thinking_switch
from bench.text import is_thinking_tag, mentions_thinking, opens_thinking

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_SYSTEM = "the template takes no system turn: its text is put before the first question"
NO_PROMPT = "the template does not keep its prompt before an answer: evaluations begin otherwise than rows"
THINKS_UNASKED = "rows hold reasoning, but evaluations ask with thinking off: set thinking = true for the model"
NAMES_LEFT_OUT = "the template leaves out the names of speakers"
LEARNED_AS_TEXT = "is no tag of the template: it is learned as text"
PRINTED_OTHERWISE = "is printed as the template's own tag"
ASKED_TO_THINK = "some rows hold no reasoning, but evaluations ask with thinking on"
EMPTY_BLOCK = "an empty block of thinking in rows is context, not learned, and evaluations ask without it"


class ChatTemplate:
    """`notes` is what a report must say, in the order in which it was found (keys; the values mean nothing)."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        template: Template,
        *,
        note: str | None = None,
        end_of_turn: str | None = None,
        thinking: bool = False,
    ) -> None:
        """`end_of_turn` stands in for the end-of-sequence token, except in the tokenizer's own template; `thinking`
        sets the template's own switch (`enable_thinking`).

        Raises `InputError` where there is no such switch, or the template leaves a turn out.
        """
        self.template = template
        self.notes = dict.fromkeys([note] if note else [])
        self._spelling = Spelling.of(tokenizer)
        self._tokens = _named_tokens(tokenizer)
        if end_of_turn is not None and template.name != TOKENIZER:
            self._tokens["eos_token"] = end_of_turn
        self._switch = template.thinking_switch()
        self._thinking = thinking
        if thinking:
            self._check_switch()
        self._takes_system = shows_system(self._shown)
        self.layout: TemplateLayout = layout_of(self._shown, name=template.name)
        """What the template prints around questions and answers."""
        if not self.layout.keeps_prompt:
            self.notes[NO_PROMPT] = None

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The guarded text of the turns, up to where the answer begins."""
        return self._prompt(turns, self.messages_of(turns), thinking=self._thinking)

    def split(self, row: Row) -> tuple[str, str]:
        """The guarded text of a row in two parts: what comes before the answer, and what is learned.

        Raises `InputError` where the template refuses the row or leaves a part of it out.
        """
        given = row
        try:
            row = self.in_own_words(given)
            messages = self.messages_of(row.turns)
            full = self.whole(row.turns, messages)
            if (missing := left_out(row.turns, full, self.whole)) is not None:
                raise self._refused(row.origin, f"leaves out {missing}", self._hint_of(missing, given.turns))
            if any(turn.name not in full for turn in row.turns if turn.name and turn.role != "tool"):
                self.notes[NAMES_LEFT_OUT] = None
            start = self._start(row, messages, full)
            self._note_tags(given.turns[-1], full[start:])
        except TemplateRefusedError as error:
            raise self._refused(row.origin, f"refuses the row: {error}", hint_of("", given.turns)) from error
        return full[:start], full[start:]

    def check_prompt(self, turns: Sequence[Turn], origin: str) -> None:
        """Raises `InputError` where the template refuses a prompt or leaves a part of it out."""
        try:
            missing = left_out(turns, self.prompt(turns), self.prompt)
        except TemplateRefusedError as error:
            raise self._refused(origin, f"refuses the prompt: {error}", hint_of("", turns)) from error
        if missing is not None:
            raise self._refused(origin, f"leaves out {missing}", hint_of(missing, turns))

    def in_own_words(self, row: Row) -> Row:
        """The row with thoughts in a field of their own where the template, left to find them in the text, would put an
        empty block of thinking before the block in the text. Raises `TemplateRefusedError`."""
        last = row.turns[-1]
        if thoughts_and_answer(last.content)[1] == last.content or last.reasoning is not None:
            return row
        printed = unguarded(self.whole(row.turns))
        block = printed[: printed.rfind(last.content.strip())]
        if not ends_with_block(block):
            return row
        return row.model_copy(update={"turns": tuple(map(with_thoughts_apart, row.turns))})

    def _note_tags(self, given: Turn, learned: str) -> None:
        """Notes a block of thinking whose tags are not the template's own. Where that has none, evaluations part only
        the usual ones (`bench.text`) from an answer."""
        tag = opening_tag(given.content)
        if tag is None or tag in self.template.text:
            return
        if mentions_thinking(self.template.text) or not is_thinking_tag(tag):
            printed = tag in unguarded(learned)
            self.notes[f"{tag} in answers {LEARNED_AS_TEXT if printed else PRINTED_OTHERWISE}"] = None

    def guarded_text(self, text: str) -> str:
        """Plain text, guarded."""
        return str(guarded_value(text, self._spelling.anywhere))

    def guarded_answer(self, text: str) -> str:
        """What the assistant says, guarded."""
        return str(guarded_value(text, self._spelling.answers))

    def whole(self, turns: Sequence[Turn], messages: Sequence[MessageFields] | None = None) -> str:
        """The guarded text of a whole conversation; `messages` stand in for those of its turns (`messages_of`).

        Raises `TemplateRefusedError`.
        """
        thinks = self._thinking or has_thinking(turns[-1])
        messages = self.messages_of(turns) if messages is None else messages
        return self._render(turns, messages, add_generation_prompt=False, thinking=thinks)

    def messages_of(self, turns: Sequence[Turn]) -> list[MessageFields]:
        """The turns as the template reads them, guarded. A system turn that it does not take is in the first other."""
        messages: Sequence[MessageFields] = [message_of(turn) for turn in turns]
        if not self._takes_system and messages and messages[0]["role"] == "system":
            self.notes[NO_SYSTEM] = None
            messages = without_system(messages)
        return [guarded(message, self._spelling) for message in messages]

    def _prompt(self, turns: Sequence[Turn], messages: Sequence[MessageFields], *, thinking: bool) -> str:
        return self._render(turns, messages, add_generation_prompt=True, thinking=thinking)

    def _start(self, row: Row, messages: Sequence[MessageFields], full: str) -> int:
        """Where what is learned begins in the row's text: behind the longest prompt of the template that it begins
        with, and behind a block of thinking that is empty."""
        *before, last = row.turns
        thinks = has_thinking(last)
        prompts = self._prompts(
            before, messages[:-1] or self.messages_of(before)
        )  # a system turn alone is in the answer
        behind = _behind_prompt(prompts.values(), full)
        start = self._place_of(last, full) if behind is None else behind
        if not thinks:
            start += empty_block(full[start:])
        if full[:start] != (prompt := prompts[self._thinking]):
            self.notes[NO_PROMPT if behind is None else self._mismatch(prompt, thinks=thinks)] = None
        return start

    def _prompts(self, before: Sequence[Turn], messages: Sequence[MessageFields]) -> dict[bool, str]:
        """The template's prompts behind these turns, by whether thinking is on."""
        switched = (self._thinking,) if self._switch is None else (False, True)
        return {thinking: self._prompt(before, messages, thinking=thinking) for thinking in switched}

    def _place_of(self, turn: Turn, full: str) -> int:
        """Place of the last turn in a text whose beginning is no prompt of the template."""
        message = guarded(message_of(turn), self._spelling)
        thought, answer = thoughts_and_answer(str(message["content"]))
        first = str(message.get("reasoning", "")).strip() or thought or answer.strip()
        place = full.rfind(first) if first else -1
        if place < 0:
            raise TemplateRefusedError("it does not show where the answer begins")
        lead = self._lead_of(turn, first)
        return opening_before(full, place) if lead is None or not full.endswith(lead, 0, place) else place - len(lead)

    def _lead_of(self, turn: Turn, first: str) -> str | None:
        """What is learned of an answer before its `first` words where it follows one question; `None`: it is unclear,
        because that text begins with no prompt of the template, either."""
        try:
            full = self.whole([QUESTION, turn])
            start = _behind_prompt(self._prompts([QUESTION], self.messages_of([QUESTION])).values(), full)
        except TemplateRefusedError:
            return None
        return None if start is None else full[start : full.rfind(first)]

    def _mismatch(self, asked: str, *, thinks: bool) -> str:
        """What a report must say where a row begins its answer behind another prompt than evaluations (`asked`)."""
        if self._switch is not None:
            return NO_PROMPT if thinks == self._thinking else THINKS_UNASKED if thinks else ASKED_TO_THINK
        if thinks:
            return NO_PROMPT
        return ASKED_TO_THINK if opens_thinking(asked) else EMPTY_BLOCK

    def _render(
        self, turns: Sequence[Turn], messages: Sequence[MessageFields], *, add_generation_prompt: bool, thinking: bool
    ) -> str:
        tools = next((turn.tools for turn in turns if turn.tools), ())
        switch = {self._switch: thinking} if self._switch is not None else {}
        return self.template.render(
            messages,
            add_generation_prompt=add_generation_prompt,
            tokens={**self._tokens, **switch},
            tools=guarded_value(tools, self._spelling.anywhere),
        )

    def _check_switch(self) -> None:
        if self._switch is None:
            raise InputError(no_thinking_switch(self.template, "model.thinking"))
        self.notes["thinking is switched on"] = None

    def _shown(self, turns: Sequence[Turn], *, add_generation_prompt: bool) -> str:
        messages = [message_of(turn) for turn in turns]
        return self._render(turns, messages, add_generation_prompt=add_generation_prompt, thinking=self._thinking)

    def _hint_of(self, missing: str, turns: Sequence[Turn]) -> str:
        inline = [*turns[:-1], in_text(turns[-1])]
        try:
            return hint_of(missing, turns, inline=left_out(inline, self.whole(inline), self.whole) is None)
        except TemplateRefusedError:
            return hint_of(missing, turns)

    def _refused(self, origin: str, what: str, hint: str) -> InputError:
        what = f"template {self.template.name!r} {what}"
        return InputError(Problem(reference="template.refused", what=what, where=origin, hint=hint))


def _behind_prompt(prompts: Iterable[str], full: str) -> int | None:
    """The end of the longest of the prompts that a row's text begins with; `None` without one."""
    begun = {beginning for prompt in prompts for beginning in (prompt, without_opening(prompt))}
    return max((len(beginning) for beginning in begun if full.startswith(beginning)), default=None)


def _named_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, str | bool]:
    """The tokenizer's named special tokens, as chat templates read them."""
    return {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
