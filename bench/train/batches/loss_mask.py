"""Which tokens of a row are learned: the last answer, every assistant turn, or all of them.

The default, `completion`, is the renderer's own mask.

Contract: the ids are the renderer's own, whatever is supervised; only the mask differs. A turn that a row excludes
(`train = false`), or that says nothing, is never supervised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.train.batches.encoded_row import RenderedRow, RowRenderer

LossOn = Literal["completion", "assistant", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A rendered row with another mask."""

    input_ids: list[int]
    labels_mask: list[bool]
    truncated: bool


def found_again(on: LossOn) -> Callable[[Turn], bool]:
    """Which earlier turns of a row the mask of `loss_on` has to find in its text."""
    return {"completion": lambda turn: False, "assistant": _learned, "all": _excluded}[on]


def supervised(renderer: Renderer, on: LossOn) -> RowRenderer:
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
        if any(_excluded(turn) for turn in row.turns):
            earlier = self.renderer.earlier_turns(row, _excluded)
            last = [_excluded(row.turns[-1])] * max(0, len(mask) - len(earlier))
            mask = [not excluded for excluded in [*earlier, *last][: len(mask)]]
        return Masked(input_ids=rendered.input_ids, labels_mask=mask, truncated=rendered.truncated)


@dataclass(frozen=True, slots=True)
class _Assistant:
    renderer: Renderer

    def row(self, row: Row) -> RenderedRow:
        rendered = self.renderer.row(row)
        if not any(_learned(turn) for turn in row.turns[:-1]):
            return rendered
        prompt = self.renderer.earlier_turns(row, _learned)[: len(rendered.input_ids)]
        mask = [*prompt, *rendered.labels_mask[len(prompt) :]]
        return Masked(input_ids=rendered.input_ids, labels_mask=mask, truncated=rendered.truncated)


def _learned(turn: Turn) -> bool:
    return turn.is_learned


def _excluded(turn: Turn) -> bool:
    return turn.role == "assistant" and not turn.is_learned
