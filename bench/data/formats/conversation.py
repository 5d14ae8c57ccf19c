"""One record to a conversation that can be learned from: the shape, the columns beside it, the order of turns.

Contract: every reader of rows goes through `Rules.read`. Nothing in a record that changes what is learned is dropped:
it is used, or the row is refused (`RowError`), or the row is left out with its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench.data.formats.chat.messages import is_message
from bench.data.formats.chat.turns import Settled, settle
from bench.data.formats.columns import with_columns
from bench.data.formats.fields import RowError, RowLeftOut, is_filled, not_an_object, parsed
from bench.data.formats.placeholders import STANDS_FOR, has_placeholder
from bench.data.formats.shape import Shape
from bench.text import slice_values

_REASONING = {"inline": "reasoning put into the answer's text", "drop": "reasoning left out"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a suite wants the rows of a source to be read."""

    answered: bool = True
    """Whether rows without an answer are left out; false where prompts are enough."""
    keep_empty: bool = False
    """Whether a row with an empty last answer stays, where rows are `answered`."""
    merge: bool = True
    """Whether turns of one role in a row become one; else the row is refused."""
    reasoning: Literal["template", "inline", "drop"] = "template"
    """What becomes of reasoning in a field of its own (`bench.suite.tables.data.DataSpec.reasoning`)."""
    ignore: frozenset[str] = frozenset()
    """Columns and message keys that are not read, whatever they mean."""
    leave_out: frozenset[str] = frozenset()
    """Columns, message keys and roles whose rows are left out."""
    score: str | None = None
    """The column that rows are selected by: what it means, the suite says."""
    split: str | None = None
    """The split that is taken of a file whose rows name theirs."""
    slices: tuple[str, ...] = ()
    """Columns whose values are kept with the row, for an eval that slices by them."""

    @property
    def named(self) -> frozenset[str]:
        """Columns, message keys and roles that the suite names: one that no row has may be misspelt."""
        return self.ignore | self.leave_out

    def visible(self, record: object) -> object:
        """The record without what is to be ignored."""
        return _without(record, self.ignore) if self.ignore else record

    def read(self, record: object, shape: Shape) -> Settled:
        """One record (`visible`) of a shape. Raises `RowError`."""
        if isinstance(record, RowError):
            raise record
        if not isinstance(record, dict):
            raise not_an_object(record)
        if (name := next((name for name in sorted(self.leave_out) if holds(record, name)), None)) is not None:
            return Settled(turns=[], dropped=f"with {name}")
        try:
            uses = shape.uses if self.score is None else {*shape.uses, self.score}
            turns = with_columns(record, shape.convert(record), uses=uses, mapped=shape.mapped)
        except RowLeftOut as left_out:
            return Settled(turns=[], dropped=left_out.reason)
        thinks = self.reasoning != "template" and any(turn.get("reasoning") for turn in turns)
        if thinks:
            turns = [_without_reasoning(turn, inline=self.reasoning == "inline") for turn in turns]
        settled = settle(turns, answered=self.answered, merge=self.merge, keep_empty=self.keep_empty)
        settled = self._kept(self._sliced(settled, record))
        more = [_REASONING[self.reasoning]] if thinks else []
        more += [STANDS_FOR] if has_placeholder(settled.turns) else []
        return replace(settled, notes=(*settled.notes, *more)) if more else settled

    def _kept(self, settled: Settled) -> Settled:
        """The conversation with the mark that training gives it a place whatever is left of it after the cut."""
        if not (self.keep_empty and self.answered) or settled.dropped is not None:
            return settled
        return replace(settled, turns=[*settled.turns[:-1], {**settled.turns[-1], "kept": True}])

    def _sliced(self, settled: Settled, record: Mapping[str, Any]) -> Settled:
        """The conversation with the values of the record's slice columns on its last turn."""
        values = [(name, found) for name in self.slices if (found := slice_values(record, name))]
        if not values or not settled.turns:
            return settled
        return replace(settled, turns=[*settled.turns[:-1], {**settled.turns[-1], "slices": values}])


def _without_reasoning(turn: dict[str, Any], *, inline: bool) -> dict[str, Any]:
    """A turn without a field of reasoning, which its text begins with if `inline`."""
    rest = {key: value for key, value in turn.items() if key != "reasoning"}
    if inline and (thought := str(turn.get("reasoning") or "").strip()):
        rest["content"] = f"<think>\n{thought}\n</think>\n\n{turn['content']}"
    return rest


def _without(value: Any, names: frozenset[str]) -> Any:
    """A record without some columns, and without such keys in the messages that its columns list."""
    if not isinstance(value, dict):
        return value
    return {
        name: field if (items := _listed(field)) is None else [_without(item, names) for item in items]
        for name, field in value.items()
        if name not in names
    }


def _listed(field: object) -> list[Any] | None:
    """The items of a column that lists them, or messages as JSON text, as in CSV; `None` for any other text."""
    if isinstance(field, str):
        items = parsed(field)
        is_chat = isinstance(items, list) and bool(items) and all(map(is_message, items))
        return items if isinstance(items, list) and is_chat else None
    return field if isinstance(field, list) else None


def holds(record: Mapping[str, Any], name: str, *, empty: bool = False) -> bool:
    """Whether a column or a message key of this name is filled, or at least there (`empty`), or a message has this
    role."""
    if is_filled(record.get(name)) or (empty and name in record):
        return True
    messages = (item for field in record.values() for item in _listed(field) or ())
    return any(
        isinstance(item, dict)
        and (is_filled(item.get(name)) or (empty and name in item) or name in (item.get("role"), item.get("from")))
        for item in messages
    )
