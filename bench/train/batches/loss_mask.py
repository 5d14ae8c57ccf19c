"""Which tokens of a row are learned: the last answer, every assistant turn, or all of them.

Contract: the ids are the renderer's own, whatever is supervised; only the mask differs. An assistant turn inside the
prompt is found in the prompt's text, and its tokens by their place in it, so that nothing is tokenised twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.errors import InputError, Problem
from bench.train.batches.encoded_row import RenderedRow, RowRenderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A rendered row with another mask."""

    input_ids: list[int]
    labels_mask: list[bool]
    truncated: bool


def supervised(renderer: Renderer, on: Literal["completion", "assistant", "all"]) -> RowRenderer:
    """`renderer` with the mask that a recipe's `loss_on` asks for. Plain text is supervised whole by itself."""
    if on == "completion":
        return renderer
    return _Assistant(renderer) if on == "assistant" else _All(renderer)


@dataclass(frozen=True, slots=True)
class _All:
    renderer: Renderer

    def row(self, row: Row) -> RenderedRow:
        rendered = self.renderer.row(row)
        mask = [True] * len(rendered.input_ids)
        return Masked(input_ids=rendered.input_ids, labels_mask=mask, truncated=rendered.truncated)


@dataclass(frozen=True, slots=True)
class _Assistant:
    renderer: Renderer

    def row(self, row: Row) -> RenderedRow:
        rendered = self.renderer.row(row)
        if not any(turn.role == "assistant" for turn in row.turns[:-1]):
            return rendered
        prompt = self._prompt_mask(row)[: len(rendered.input_ids)]
        mask = [*prompt, *rendered.labels_mask[len(prompt) :]]
        return Masked(input_ids=rendered.input_ids, labels_mask=mask, truncated=rendered.truncated)

    def _prompt_mask(self, row: Row) -> list[bool]:
        """Whether each token of the prompt belongs to an earlier assistant turn or its ending."""
        tokenizer, text = self.renderer.tokenizer, self.renderer.prompt_text(row.turns[:-1])
        if not tokenizer.is_fast:
            raise _unmaskable(row, "the tokenizer gives no character offsets of its tokens")
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = self.renderer.prompt(row.turns[:-1])
        before = len(ids) - len(encoded["input_ids"])  # what the tokenizer puts before every text
        if before < 0 or ids[before:] != encoded["input_ids"]:
            raise _unmaskable(row, "the prompt's tokens cannot be found again in its text")
        spans = self._spans(row, text)
        inside = [any(start <= a and b <= end for start, end in spans) for a, b in encoded["offset_mapping"]]
        return [False] * before + inside

    def _spans(self, row: Row, text: str) -> list[tuple[int, int]]:
        """Spans of the earlier answers in the prompt's text, endings included."""
        endings = (str(self.renderer.tokenizer.decode(self.renderer.ending)), *self.renderer.stop_strings)
        return [
            self._span(row, row.turns[:index], turn.content.strip(), text, endings)
            for index, turn in enumerate(row.turns[:-1])
            if turn.role == "assistant"
        ]

    def _span(
        self, row: Row, before: Sequence[Turn], answer: str, text: str, endings: Sequence[str]
    ) -> tuple[int, int]:
        opening = self.renderer.prompt_text(before)
        start = len(opening)
        found = text.find(answer, start)
        between = text[start:found].strip()
        if not text.startswith(opening) or found < 0 or between not in ("", self.renderer.answer_prefix.strip()):
            raise _unmaskable(row, "the template rewrites earlier turns")
        end = found + len(answer)
        return start, end + next((len(ending) for ending in endings if text.startswith(ending, end)), 0)


def _unmaskable(row: Row, why: str) -> InputError:
    return InputError(
        Problem(
            reference="recipe.loss-on",
            what=f"earlier assistant turns cannot be supervised: {why}",
            where=row.origin,
            hint='use loss_on = "completion", or another template, such as model.template = "chatml"',
        )
    )
