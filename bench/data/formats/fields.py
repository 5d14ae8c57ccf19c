"""Fields of a raw record, read with the fault named.

Contract: a field that is missing or of another kind raises `RowError`, which says what the record has instead. A value
that is only text in another dress (a number, a list of text parts) is its text.
"""

import ast
import json
import math
import re
import warnings
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bench.text import is_blank

_LINES_OF_CODE = ("test_list", "challenge_test_list")
"""Fields of MBPP's files (Austin et al. 2021). A list in any other field may be of alternatives."""
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
"""Types of a message's parts that hold text, under the key `text`."""


_PRINTED = re.compile(r"\s*(\[\s*)?(\{\s*'|'|[\[(]\s*')")
"""How Python prints a list or object with texts: between single quotation marks."""


class RowError(Exception):
    """What is wrong with one row; the reader of the file adds the row's number."""

    def __init__(self, reference: str, what: str, hint: str | None = None, *, ends_file: bool = False) -> None:
        """`ends_file`: nothing behind this row of the file can be read."""
        super().__init__(what)
        self.reference = reference
        self.what = what
        self.hint = hint
        self.ends_file = ends_file


def not_an_object(record: object) -> RowError:
    """The fault of a row that is none."""
    what = f"a row must be an object with fields, this is {kind_of(record)}"
    return RowError("data.not-an-object", what, "one JSON object per line, or one list of objects")


class RowLeftOut(Exception):  # noqa: N818  # no error: the row itself says that it is not to be learned
    """A whole row that is not to be learned, with the reason under which it is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def kind_of(value: object) -> str:
    """The kind of a value, in a user's words."""
    if value is None:
        return "null"
    names = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
        bytes: "bytes",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def is_filled(value: object) -> bool:
    """Whether a field says anything: not null, NaN, empty or blank, and no object or list of nulls."""
    return not is_blank(value) if isinstance(value, str) else value not in ([], {}, ()) and not _is_null(value)


def _is_null(value: object) -> bool:
    if isinstance(value, dict | list | tuple):
        items = list(value.values() if isinstance(value, dict) else value)
        return bool(items) and all(map(_is_null, items))
    return value is None or (isinstance(value, float) and math.isnan(value))


def holds_file(value: object) -> bool:
    """Whether a value is the content of a file, an image or a sound, as tables of `datasets` hold it."""
    if isinstance(value, list):
        return bool(value) and holds_file(value[0])
    if isinstance(value, dict):
        return "bytes" in value and "path" in value and is_filled(value)
    return isinstance(value, bytes) and bool(value)


def number(value: object) -> float | None:
    """A finite number, also as text; `None` for anything else."""
    try:
        is_number = isinstance(value, int | float | Decimal | str) and not isinstance(value, bool)
        result = float(value) if is_number else math.nan  # type: ignore[arg-type]  # checked
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def _seen(record: Mapping[str, Any]) -> str:
    return "fields seen: " + (", ".join(str(name) for name in list(record)[:20]) or "none")


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """A field's value, of whatever kind. Raises `RowError` where there is no such field."""
    try:
        return record[name]
    except KeyError:
        raise RowError("data.missing-field", f"no field `{name}` ({_seen(record)})") from None


def text_of(record: Mapping[str, Any], name: str) -> str:
    """A field's text (`as_text`); of lines of code, each on a line of its own."""
    value = field_of(record, name)
    if name in _LINES_OF_CODE and isinstance(value, list):
        return "\n".join(as_text(line, f"a line of `{name}`") for line in value)
    return as_text(value, f"field `{name}`")


def as_text(value: object, what: str) -> str:
    """The text of a value: null and NaN are empty, a number or truth value is its JSON text, text parts are joined.

    Raises `RowError` for any other kind; `what` names the value.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return str(value)
    parts = [value] if isinstance(value, dict) else value
    if isinstance(parts, list) and parts and all(is_text_part(part) for part in parts):
        return "".join(as_text(part["text"], what) for part in parts)
    raise RowError("data.not-text", f"{what} is {kind_of(value)}, not text")


def is_text_part(part: object) -> bool:
    """Whether an item of a message's content is a part of text: `{"type": "text", "text": …}`."""
    return isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS and "text" in part


def parsed(value: object) -> object:
    """A list or object that a file holds as JSON text (as a CSV cell must), or as Python prints it (as pandas writes it
    into one); anything else as it is."""
    if not isinstance(value, str) or value[:64].lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return _printed_by_python(value) if _PRINTED.match(value) else value


def _printed_by_python(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a backslash that is no escape
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def turn_list(record: Mapping[str, Any], name: str) -> list[Any]:
    """A field's list, of whatever items. Raises `RowError` where it holds something else."""
    value = parsed(field_of(record, name))
    if not isinstance(value, list):
        raise RowError("data.not-a-list", f"field `{name}` is {kind_of(value)}, not a list of turns")
    return value


@lru_cache(maxsize=4096)
def misspelt(name: str, known: frozenset[str]) -> str | None:
    """The known name of a column or message key that is written in capitals, with blanks around it, or with hyphens."""
    meant = str(name).strip().lower().replace("-", "_")
    return meant if meant != name and meant in known else None


def misspelt_name(what: str, name: str, means: str) -> RowError:
    """The refusal of such a name: what it says would not be learned from."""
    hint = f'rename it, or ignore = ["{name}"]'
    return RowError("data.misspelt-name", f"{what} is not read, `{means}` would be: names are in lower case", hint)
