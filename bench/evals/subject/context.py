"""The context of a `few_shot` subject: rows of its arm's data as earlier turns before every wrapped prompt.

Contract: the rows depend on data, seed, template and tokenizer alone, and are the same for every prompt. They are
rendered by the model's template. They fill at most half of the model's positions, so that question and answer have the
other half: a row that is too long is skipped for the next one of the draw.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from bench.data.render.render import Rendered, Renderer
from bench.data.render.row import Row, Turn
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.record.jobs.eval_job import Shots
from bench.record.results.evals.evaluation import ShotRow

CONTEXT_SHARE = 0.5
"""Share of the model's positions that the context may fill."""
_QUESTION = Turn(role="user", content="?")
_SKIPPED = 1000
"""Rows that are tried after the last one that fitted, before the draw ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Turns of the drawn rows, and what the record keeps of each row."""

    turns: tuple[Turn, ...]
    rows: tuple[ShotRow, ...]


class ContextRenderer(Renderer):
    """A renderer whose prompts begin with the turns of a context; a system turn stays first."""

    _context: tuple[Turn, ...] = ()

    @classmethod
    def over(cls, renderer: Renderer, context: Sequence[Turn]) -> Self:
        """`renderer` with a context."""
        self = cls.__new__(cls)
        self.__dict__.update(copy.copy(renderer.__dict__))
        self._context = tuple(context)
        return self

    def prompt_text(self, turns: Sequence[Turn]) -> str:
        """The context's turns and these, up to where the answer begins."""
        return super().prompt_text(self._behind_context(turns))

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Ids of the context's turns and these, up to where the answer begins. Not cut."""
        return super().prompt(self._behind_context(turns))

    def row(self, row: Row) -> Rendered:
        """Ids and mask of a row behind the context; plain text has none."""
        return super().row(row.model_copy(update={"turns": tuple(self._behind_context(row.turns))}))

    def _behind_context(self, turns: Sequence[Turn]) -> list[Turn]:
        if not turns or turns[0].role == "text":
            return list(turns)
        system = [turn for turn in turns[:1] if turn.role == "system"]
        if tuple(turns[len(system) : len(system) + len(self._context)]) == self._context:
            return list(turns)  # one method of the renderer may use another
        return [*system, *self._context, *turns[len(system) :]]


def draw_context(shots: Shots, renderer: Renderer, *, context_length: int) -> Context:
    """Up to `shots.size` rows, each once, in the order of the draw.

    Raises `InputError` where not one row of the data fits, or the data is plain text.
    """
    rows = load_rows(Path(shots.data.path))
    order = np.random.default_rng(shots.seed).permutation(len(rows))
    room = int(context_length * CONTEXT_SHARE)
    turns: list[Turn] = []
    taken: list[ShotRow] = []
    length = len(renderer.prompt([_QUESTION]))
    tried = 0
    for index in order:
        row = rows[int(index)]
        conversation = [turn for turn in row.turns if turn.role in {"user", "assistant"}]
        usable = bool(conversation and row.answer) and not any(turn.role == "tool" or turn.tools for turn in row.turns)
        with_row = len(renderer.prompt([*turns, *conversation, _QUESTION])) if usable else room + 1
        if with_row <= room:
            turns += conversation
            taken.append(ShotRow(origin=row.origin, sha256=_hash(conversation), tokens=with_row - length))
            length, tried = with_row, 0
        tried += 1
        if len(taken) == shots.size or tried > _SKIPPED:
            break
    if not taken:
        what = f"no row of data {shots.data.name!r} fits into half of the model's {context_length:,} positions"
        hint = "shorten the rows, use a base with a longer context, or remove the arm"
        raise InputError(Problem(reference="few-shot.no-row", what=what, where="recipe.*.shots", hint=hint))
    return Context(turns=tuple(turns), rows=tuple(taken))


def _hash(turns: Sequence[Turn]) -> str:
    conversation = [turn.model_dump(mode="json", exclude_none=True) for turn in turns]
    return hashlib.sha256(json.dumps(conversation, ensure_ascii=False).encode()).hexdigest()
