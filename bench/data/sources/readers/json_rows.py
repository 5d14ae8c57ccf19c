"""Rows of JSON and JSON Lines, a block of the file at a time."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from bench.data.formats.fields import RowError
from bench.data.sources.readers.json_tables import no_list
from bench.data.sources.readers.text_file import NumberedRecords, open_text

_BLOCK = 1 << 20
"""Characters of a JSON list that are read at once."""

_WHOLE_JSON = 1 << 28
"""Bytes of a JSON file up to which it is parsed whole, to see whether it is one object."""


def read_json(path: Path) -> NumberedRecords:
    """A list of records, or JSON Lines, told apart by the first character: both endings are in use for both."""
    with open_text(path, newline="\n") as file:
        head = file.read(1)
        opening = ""
        while head.isspace():
            opening, head = opening + head, file.read(1)
        if head == "[" and not _a_list_per_line(path):
            yield from _elements(file, _behind((0, 0), opening + head))
            return
    if head == "{" and (record := _one_object(path)) is not None:
        yield 1, no_list(record)
        return
    with open_text(path, newline="\n") as file:
        for row, line in enumerate(file, start=1):
            if not line.isspace():
                yield row, _parsed(line)


def _a_list_per_line(path: Path) -> bool:
    """Whether the first line is a whole list and another follows it: such lines are rows, and none is an object."""
    with open_text(path, newline="\n") as file:
        first = next((line for line in iter(lambda: file.readline(_BLOCK), "") if not line.isspace()), "")
        return isinstance(_parsed(first), list) and any(not line.isspace() for line in file)


def _one_object(path: Path) -> Mapping[str, Any] | None:
    """The object of a JSON file that is one over several lines. Above a quarter of a gigabyte it is taken for lines."""
    with open_text(path, newline="\n") as file:
        first = next((line for line in file if not line.isspace()), "")
        if not isinstance(_parsed(first), RowError) or path.stat().st_size > _WHOLE_JSON:
            return None
        whole = _parsed(first + file.read())
    return whole if isinstance(whole, dict) else None


def _parsed(line: str) -> Any:
    hook = _KeysOnce()
    try:
        # Without the line break behind it, which JSON would count as the begin of another line.
        return hook.checked(json.loads(line.rstrip(), object_pairs_hook=hook))
    except (ValueError, RecursionError) as error:
        return _not_json(error)


class _KeysOnce:
    """Objects of a JSON value; a key with two values, of which readers keep the last, is a fault of the whole value."""

    def __init__(self) -> None:
        self._twice: str | None = None

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """One object."""
        fields = dict(pairs)
        if len(fields) < len(pairs):
            self._twice = next((key for key, value in pairs if fields[key] != value), self._twice)
        return fields

    def checked(self, value: Any) -> Any:
        """The value that was just read, or what is wrong with it."""
        key, self._twice = self._twice, None
        if key is None:
            return value
        hint = "remove one of the two, or give it a name of its own"
        return RowError("data.repeated-field", f"field `{key}` is there twice, with different values", hint)


def _not_json(error: Exception, *, before: tuple[int, int] | None = None) -> RowError:
    """The fault of a line or, with `before`, of an element, which ends its file: the line breaks of the file before the
    text that was parsed, and the characters behind the last of them."""
    reason, place, ends_file = str(error), "", before is not None
    if isinstance(error, json.JSONDecodeError):
        reason, place = error.msg, f" at column {error.colno}"
        if before is not None:
            column = error.colno + (before[1] if error.lineno == 1 else 0)
            place = f" at line {before[0] + error.lineno}, column {column}"
    hint = "one JSON object per line, or one list of objects"
    return RowError("data.not-json", f"not JSON: {reason}{place}", hint, ends_file=ends_file)


def _elements(file: TextIO, before: tuple[int, int]) -> NumberedRecords:
    """Elements of a JSON list whose opening bracket was read, a block at a time. Ends at the first that is not JSON.

    `before`: line breaks and characters behind the last of them up to the bracket.
    """
    hook = _KeysOnce()
    decode = json.JSONDecoder(object_pairs_hook=hook).raw_decode
    text, position, row, block = file.read(_BLOCK), 0, 1, _BLOCK
    separator = re.compile(r"[\s,]*")
    while True:
        position = separator.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string too
        if text[position : position + 1] == "]":
            if text[position + 1 :].strip() or any(more.strip() for more in iter(lambda: file.read(_BLOCK), "")):
                what, hint = "not JSON: more text behind the list", "one JSON object per line, or one list of objects"
                yield row, RowError("data.not-json", what, hint, ends_file=True)
            return
        try:
            value, position = decode(text, position)
        except (ValueError, RecursionError) as error:
            # Cut off by the block's end, or broken: only more text can tell. Blocks grow, so that this stays linear.
            more = file.read(block)
            if not more:
                yield row, _not_json(error, before=before)
                return
            before = _behind(before, text[:position])
            text, position, block = text[position:] + more, 0, block * 2
            continue
        yield row, hook.checked(value)
        row, block = row + 1, _BLOCK


def _behind(before: tuple[int, int], text: str) -> tuple[int, int]:
    """Line breaks and characters behind the last of them, after a further text."""
    breaks = text.count("\n")
    return before[0] + breaks, len(text) - text.rfind("\n") - 1 if breaks else before[1] + len(text)
