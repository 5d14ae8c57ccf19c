"""Functions that a conversation may call, and calls of them, from the notations in use to one.

Contract: a tool is `{"type": "function", "function": {"name", …}}`, as chat templates take it; a call is
`{"name", "arguments"}` and perhaps `id`, its arguments an object wherever they are one as JSON text. Nulls inside tools
and arguments are left out: tables of columns (Parquet, Arrow) fill with them what other rows have.
"""

from __future__ import annotations

from typing import Any

from bench.data.formats.fields import RowError, is_filled, kind_of, parsed

_HINT = 'a call is {"function": {"name": …, "arguments": {…}}}'


def tool_list(value: object, name: str) -> list[dict[str, Any]]:
    """The tools in the column `name`: a list of objects, or its JSON text; empty where nothing is there."""
    if not is_filled(value):
        return []
    items = parsed(value)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RowError("data.tools", f"field `{name}` is {kind_of(items)}, not a list of tools")
    tools = [_without_nulls(item) for item in items]
    return [tool if "function" in tool or "name" not in tool else _wrapped(tool) for tool in tools]


def call_list(value: object) -> list[dict[str, Any]]:
    """The calls of one message: one object or several, or their JSON text. Raises `RowError`."""
    if not is_filled(value):
        return []
    items = parsed(value)
    return [_call(item) for item in (items if isinstance(items, list) else [items])]


def _wrapped(tool: dict[str, Any]) -> dict[str, Any]:
    names = {"input_schema": "parameters"}  # Anthropic's
    function = {names.get(name, name): value for name, value in tool.items() if name != "type"}
    return {"type": "function", "function": function}


def _call(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RowError("data.tools", f"a tool call is {kind_of(item)}, not an object", _HINT)
    function = item.get("function") or item
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise RowError("data.tools", "a tool call names no function", _HINT)
    arguments = parsed(function.get("arguments", function.get("parameters")))
    call: dict[str, Any] = {"name": name, "arguments": {} if not is_filled(arguments) else _without_nulls(arguments)}
    if isinstance(call["arguments"], list):
        raise RowError("data.tools", f"the arguments of a call of `{name}` are a list, not an object", _HINT)
    return call | ({"id": str(item["id"])} if is_filled(item.get("id")) else {})


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
