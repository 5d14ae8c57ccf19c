"""A chat template with one tokenizer's special tokens: turns to text, and where in it an answer stands.

Contract: a prompt is the text up to where the answer begins. What the template does otherwise than training and
evaluation need (no system turn, an answer rewritten, a prompt not kept) is worked around, and `notes` says so; a
template that fails, or that leaves a turn out, is refused with `InputError`. Rendered text is guarded
(`bench.data.render.special_tokens`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.data.render.row import Row, Turn
from bench.data.render.special_tokens import guarded, spelling, unguarded
from bench.errors import InputError, Problem
from bench.suite.template import TOKENIZER, Message, Template, TemplateRefusedError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_QUESTION, _ANSWER, _SYSTEM = "Qz7question", "Qz7answer", "Qz7system"
"""Texts that no template holds, to see where it puts what."""


class ChatTemplate:
    """`answer_prefix` is what stands between prompt and answer (a space in `dialogue`), `tail` what follows an answer,
    `notes` what a report must say, in the order in which it was found (keys; the values mean nothing)."""

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
        self._special = spelling(tokenizer)
        self._tokens = _named_tokens(tokenizer)
        if end_of_turn is not None and template.name != TOKENIZER:
            self._tokens["eos_token"] = end_of_turn
        if thinking:
            self._switch_thinking_on()
        self._takes_system = self._shows_system()
        self.answer_prefix, self.tail, self._keeps_prompt = self._layout()

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The guarded text of the turns, up to where the answer begins."""
        return self._render([_message(turn) for turn in turns], add_generation_prompt=True)

    def split(self, row: Row) -> tuple[str, str, bool]:
        """Prompt (guarded), the answer as the template prints it, and whether it had to be rebuilt.

        Raises `InputError` where the template refuses the row.
        """
        messages = [_message(turn) for turn in row.turns]
        try:
            prompt = self._render(messages[:-1], add_generation_prompt=True)
            full = self._render(messages, add_generation_prompt=False) if self._keeps_prompt else ""
        except TemplateRefusedError as error:
            what = f"template {self.template.name!r} refuses the row: {error}"
            hint = 'choose another template, such as model.template = "dialogue"'
            raise InputError(Problem(reference="template.refused", what=what, where=row.origin, hint=hint)) from error
        opening, closing = prompt + self.answer_prefix, self.tail
        if full.startswith(opening) and full.endswith(closing):
            printed = unguarded(full[len(opening) : len(full) - len(closing)])
            if printed.strip() == row.answer.strip():
                return prompt, printed, False
        if self._keeps_prompt:
            self.notes["the template rewrites some answers: prompt, answer and ending joined by hand"] = None
        return prompt, row.answer, True

    def _render(self, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
        if not self._takes_system and messages and messages[0]["role"] == "system":
            self.notes["the template takes no system turn: its text stands before the first question"] = None
            messages = _without_system(messages)
        messages = [guarded(message, self._special) for message in messages]
        return self.template.render(messages, add_generation_prompt=add_generation_prompt, tokens=self._tokens)

    def _switch_thinking_on(self) -> None:
        if "enable_thinking" not in self.template.text:
            what = f"template {self.template.name!r} has no thinking switch (`enable_thinking`)"
            hint = "leave model.thinking out"
            raise InputError(Problem(reference="template.no-thinking", what=what, where="model.thinking", hint=hint))
        self._tokens["enable_thinking"] = True
        self.notes["thinking is switched on"] = None

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
        self.notes["the template does not keep its prompt before an answer; prompt and answer joined by hand"] = None
        return "", tail, False

    def _unusable(self, reference: str, what: str) -> InputError:
        hint = 'choose another, such as model.template = "dialogue"'
        what = f"template {self.template.name!r} {what}"
        return InputError(Problem(reference=reference, what=what, where="model.template", hint=hint))


def _message(turn: Turn) -> Message:
    if turn.input is None:
        return {"role": turn.role, "content": turn.content}
    return {"role": turn.role, "content": turn.content, "input": turn.input}


def _without_system(messages: Sequence[Message]) -> list[Message]:
    system, *rest = messages
    if not rest:
        return [{**system, "role": "user"}]
    return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]


def _named_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, str | bool]:
    """The tokenizer's named special tokens, as chat templates read them."""
    return {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
