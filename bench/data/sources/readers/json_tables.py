"""JSON objects that hold a whole table, which is no list of rows."""

from collections.abc import Mapping
from typing import Any

from bench.data.formats.fields import RowError

_ROWS_HINT = "write its rows as a list of objects, or one object per line"
_PANDAS_HINT = 'with pandas: table.to_json("rows.jsonl", orient="records", lines=True)'


def no_list(record: Mapping[str, Any]) -> RowError:
    """The fault of a file that is one object, in a word for the layouts that programs write."""
    kind, hint = "one object", _ROWS_HINT
    if (by_columns := table_by_columns(record)) is not None:
        kind, hint = by_columns, _PANDAS_HINT
    elif all(isinstance(value, dict) for value in record.values()):
        kind = "one object of objects"
    elif name := next((name for name, value in record.items() if _lists_objects(value)), None):
        hint = f"its rows may be the list `{name}`: write that alone"
    return RowError("data.not-a-list", f"valid JSON, but {kind}, not a list of rows", hint, ends_file=True)


def may_be_a_table(record: Mapping[str, Any]) -> bool:
    """Whether the only object of a file looks like all of its rows: by columns, by name, or in a list inside."""
    values = list(record.values())
    whole = table_by_columns(record) is not None or all(isinstance(value, dict) for value in values)
    return bool(values) and (whole or any(map(_lists_objects, values)))


def _lists_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def table_by_columns(record: object) -> str | None:
    """What an object is that holds a whole table by its columns, as pandas writes it; `None` for a row."""
    if not isinstance(record, dict) or len(record) < 2:
        return None
    if record.keys() in ({"columns", "index", "data"}, {"schema", "data"}):
        return "a table with its columns apart"
    values = list(record.values())
    if all(isinstance(value, dict) and value and all(str(key).isdecimal() for key in value) for value in values):
        return "one object for each column"
    if all(isinstance(value, list) and len(value) == len(values[0]) > 1 for value in values) and not any(
        isinstance(item, list | dict) for value in values for item in value
    ):
        return "one list for each column"
    return None
