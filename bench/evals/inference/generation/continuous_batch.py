"""Continuous batching: the place of a finished row is taken at once, and what rows begin with is computed once.

Contract: rows in work, their answers included, take at most the given slots; one row that needs more is alone in work.
Prompts of similar length are read in one pass; then every pass adds one token to each row in work.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from bench.evals.inference.generation.answer_row import AnswerRow, choose_tokens, take_tokens
from bench.evals.inference.generation.passes import Passes
from bench.model.forward import SLOTS
from bench.model.shared_prefix import SHORTEST, shared_length

PASS_SLOTS = 64
"""Slots of padding that cost as much as one more pass: prompts whose padding is more are read in several passes."""


@dataclass(slots=True, kw_only=True)
class _Group:
    """Rows that begin with the same tokens; the first to be read computes them for all."""

    number: int
    ids: tuple[int, ...]
    prefix: Any = None
    """What `Passes.prefix` gives; `None` before the first row is read."""


class ContinuousBatch:
    """Rows in work, in the first places of a table, and those that wait."""

    def __init__(
        self, passes: Passes, tokenizer: PreTrainedTokenizerBase, rows: Sequence[AnswerRow], *, slots: int
    ) -> None:
        self._passes, self._tokenizer, self._slots = passes, tokenizer, slots
        self._waiting = deque(_in_order(rows))
        self._rows: list[AnswerRow] = []
        self._last: list[int] = []
        """Last token of each row in work, which no pass has read."""

    def run(self, take: Callable[[Sequence[AnswerRow]], None]) -> None:
        """Answers every row; `take` gets the rows that each pass finished."""
        while self._waiting or self._rows:
            finished = self._admit()
            if self._rows:
                finished += self._step()
            if finished:
                take(finished)

    def _step(self) -> list[AnswerRow]:
        """Adds one token to each row in work; the rows that it finished."""
        lengths = [row.positions_so_far - 1 for row in self._rows]
        self._last = self._choose(self._passes.decode(self._last, lengths), self._rows)
        return self._drop_finished()

    def _choose(self, logits: Tensor, rows: Sequence[AnswerRow]) -> list[int]:
        tokens = choose_tokens(logits, rows)
        take_tokens(self._tokenizer, rows, tokens)
        return tokens

    def _drop_finished(self) -> list[AnswerRow]:
        """Moves the last rows in work into the places of finished ones; the finished rows."""
        finished = []
        for place in reversed(range(len(self._rows))):
            if self._rows[place].live:
                continue
            finished.append(self._rows[place])
            if self._rows[place].broken:
                self._passes.clear(place)
            row, token = self._rows.pop(), self._last.pop()
            if place < len(self._rows):
                self._passes.move(len(self._rows), place)
                self._rows[place], self._last[place] = row, token
        return finished

    # Rows that begin.

    def _admit(self) -> list[AnswerRow]:
        """Reads the prompts of waiting rows for which there are slots; the rows that end with it."""
        new = self._fitting()
        if not new:
            return []
        self._make_room(new)
        for group, batch in _read_together(new, pads=self._passes.pads):
            places = range(len(self._rows), len(self._rows) + len(batch))
            self._last += self._choose(self._read_prompts(group, batch, places), batch)
            self._rows += batch
        return self._drop_finished()

    def _fitting(self) -> list[tuple[AnswerRow, _Group]]:
        new: list[tuple[AnswerRow, _Group]] = []
        width = max((row.positions for row in self._rows), default=0)
        while self._waiting:
            width = max(width, self._waiting[0][0].positions)
            count = len(self._rows) + len(new) + 1
            if count > 1 and count * width > self._slots:
                break
            new.append(self._waiting.popleft())
        return new

    def _make_room(self, new: Sequence[tuple[AnswerRow, _Group]]) -> None:
        """Changes the table's shape where the new rows do not fit into it."""
        width = max(row.positions for row in (*self._rows, *(row for row, _ in new)))
        rows = len(self._rows) + len(new)
        if rows > self._passes.room[0] or width > self._passes.room[1]:
            places = max(rows, min(self._slots // width, rows + len(self._waiting)))
            self._passes.make_room(places=places, width=width, rows=len(self._rows))

    def _read_prompts(self, group: _Group, batch: Sequence[AnswerRow], places: Sequence[int]) -> Tensor:
        if group.prefix is None:
            group.prefix = self._passes.prefix(group.ids)
        rests = [row.request.prompt[len(group.ids) :] for row in batch]
        return self._passes.prefill(rests, places, group.prefix)


def _in_order(rows: Sequence[AnswerRow]) -> list[tuple[AnswerRow, _Group]]:
    """Rows with their groups, group by group, longest first: few prefixes are kept at the same time."""
    by_start: dict[tuple[int, ...], list[AnswerRow]] = {}
    for row in rows:
        by_start.setdefault(row.request.prompt[:SHORTEST], []).append(row)
    groups: dict[tuple[int, ...], list[AnswerRow]] = {}
    for members in by_start.values():
        prompts = [row.request.prompt for row in members]
        groups.setdefault(prompts[0][: shared_length(prompts)], []).extend(members)
    ordered = sorted(groups.items(), key=lambda item: -max(row.positions for row in item[1]))
    return [
        (row, group)
        for number, (ids, members) in enumerate(ordered)
        for group in [_Group(number=number, ids=ids)]
        for row in sorted(members, key=lambda row: -row.positions)
    ]


def _read_together(new: Sequence[tuple[AnswerRow, _Group]], *, pads: bool) -> Iterator[tuple[_Group, list[AnswerRow]]]:
    """Rows that one pass reads: of one group, and of similar length where it pads, so that little of it is padding."""
    batch: list[AnswerRow] = []
    group, padding, tokens = new[0][1], 0, 0
    for row, its_group in sorted(new, key=lambda item: (item[1].number, -len(item[0].request.prompt))):
        length = len(row.request.prompt) - len(its_group.ids)
        padding += len(batch[0].request.prompt) - len(row.request.prompt) if batch and pads else 0
        if batch and (its_group is not group or padding > PASS_SLOTS or (not pads and tokens + length > SLOTS)):
            yield group, batch
            batch, padding, tokens = [], 0, 0
        group, tokens = its_group, tokens + length
        batch.append(row)
    yield group, batch
