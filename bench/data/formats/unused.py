"""Columns and message keys that nothing reads: what a user must know was not used.

Contract: a name is counted once per row in which it is filled, unless the row's shape reads it or it is in the closed
lists of `bench.data.formats.columns` and `bench.data.formats.chat.messages`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bench.data.formats.chat.messages import MESSAGE_KEYS, is_message
from bench.data.formats.columns import COLUMNS, ColumnMeaning, reads
from bench.data.formats.convert import pair_keys
from bench.data.formats.fields import is_filled, parsed
from bench.data.formats.shape import Shape

_NOTHING = {name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.NOTHING}
_OF_GROUPS = ("source", "language")
"""Columns that say where rows are from or in which language, if many rows have the same values. Where they differ
from row to row they may be a text that belongs to the prompt, such as one to translate."""
_ROWS_OF_A_GROUP = 10
_MOST_GROUPS = 10_000
FEW = 3
"""A name that is filled in no more rows than this, of a larger source, is an oddity of these rows."""


class RowGroups:
    """Values of the columns that may say which group a row belongs to."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._values: dict[str, set[str]] = {name: set() for name in _OF_GROUPS}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one row."""
        for name, values in self._values.items():
            if name in record and is_filled(record[name]):
                self._rows[name] += 1
                if len(values) <= _MOST_GROUPS:
                    values.add(str(record[name]))

    def names(self) -> list[str]:
        """The columns that mean nothing but a group: each value is that of several rows, on average."""
        return [name for name, values in self._values.items() if len(values) * _ROWS_OF_A_GROUP <= self._rows[name]]


def unused_names(record: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    """The names of one record that nothing reads, each once, as a report shows them."""
    for name in record.keys() - shape.uses:
        if is_filled(record[name]) and not reads(name, record[name], mapped=shape.mapped, plain=shape.plain):
            yield f"column `{name}` not used"
    items = list(_items(record, shape))
    if not items:  # as of rows whose texts are in columns
        return
    said = {key for item in items if is_message(item) for key, value in item.items() if is_filled(value)}
    paired = {
        key
        for item in items
        if (pair := pair_keys(item)) is not None
        for key, value in item.items()
        if key not in pair and is_filled(value)
    }
    unread = (said - MESSAGE_KEYS.keys()) | (paired - _NOTHING)
    yield from (f"message key `{key}` not used" for key in sorted(unread))


def worth_reporting(unused: Counter[str], rows: int) -> dict[str, int]:
    """The counts of what is filled in more than a few rows, or in each of the few that there are."""
    return {name: count for name, count in sorted(unused.items()) if count > min(FEW, rows - 1)}


def _items(record: Mapping[str, Any], shape: Shape) -> Iterator[Mapping[str, Any]]:
    """The objects in the columns that the shape reads."""
    for name in shape.uses:
        items = parsed(record.get(name))
        if not isinstance(items, list | dict):
            continue
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                yield item
