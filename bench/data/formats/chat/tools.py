"""Functions that a conversation may call, and calls of them, from the notations in use to one.

Contract: a tool is `{"type": "function", "function": {"name", …}}`, as chat templates take it; a call is
`{"name", "arguments"}` and perhaps `id`, its arguments an object wherever they are one as JSON text. Nulls inside tools
and arguments that are objects are left out: tables of columns (Parquet, Arrow) fill with them what other rows have. In
JSON text they are what the row says. A key of a call that is not read refuses the row.
"""

from typing import Any

from bench.data.formats.fields import RowError, is_filled, kind_of, parsed

_HINT = 'a call is {"function": {"name": …, "arguments": {…}}}'
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
"""Keys that hold the arguments of a call, as OpenAI, Llama, LangChain and Anthropic name them."""
_ABOUT_A_CALL = frozenset({"name", "id", "type", "index", "function", "call_id", "tool_call_id", "status", *_ARGUMENTS})
"""Keys of a call that are read, or that no template prints."""


def tool_list(value: object, name: str) -> list[dict[str, Any]]:
    """The tools in the column `name`: a list of objects, or its JSON text; empty where nothing is there."""
    if not is_filled(value):
        return []
    items = parsed(value)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RowError("data.tools", f"field `{name}` is {kind_of(items)}, not a list of tools")
    tools = [_unfilled(item, value) for item in items]
    return [tool if "function" in tool or "name" not in tool else _wrapped(tool) for tool in tools]


def call_list(value: object) -> list[dict[str, Any]]:
    """The calls of one message: one object or several, or their JSON text. Raises `RowError`."""
    if not is_filled(value):
        return []
    items = parsed(value)
    return [_call(item, value) for item in (items if isinstance(items, list) else [items])]


def _wrapped(tool: dict[str, Any]) -> dict[str, Any]:
    names = {"input_schema": "parameters"}  # Anthropic's
    function = {names.get(name, name): value for name, value in tool.items() if name != "type"}
    return {"type": "function", "function": function}


def _call(item: object, source: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise RowError("data.tools", f"a tool call is {kind_of(item)}, not an object", _HINT)
    function = item.get("function") or item
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise RowError("data.tools", "a tool call names no function", _HINT)
    given = _arguments_of(name, item, function)
    arguments = _unfilled(parsed(given), given if isinstance(given, str) else source)
    call: dict[str, Any] = {"name": name, "arguments": {} if given is None else arguments}
    if not isinstance(call["arguments"], dict | str):
        what = f"the arguments of a call of `{name}` are {kind_of(arguments)}, not an object"
        raise RowError("data.tools", what, _HINT)
    return call | ({"id": str(item["id"])} if is_filled(item.get("id")) else {})


def _arguments_of(name: str, call: dict[str, Any], function: dict[str, Any]) -> object:
    """The arguments of a call, wherever they are. Raises `RowError` for two that differ, and for a key that nothing
    reads: the call would be learned without what it says."""
    parts = [function] if function is call else [function, call]
    given = [part[key] for part in parts for key in _ARGUMENTS if part.get(key) not in (None, "", [])]
    if any(parsed(other) != parsed(given[0]) for other in given[1:]):
        raise RowError("data.tools", f"a call of `{name}` has two different arguments", _HINT)
    unread = [key for part in parts for key in part.keys() - _ABOUT_A_CALL if is_filled(part[key])]
    if unread:
        hint = f'remove it, or leave such rows out with leave_out = ["tool_calls"]; {_HINT}'
        raise RowError("data.tools", f"key `{min(unread)}` of a call of `{name}` is not read", hint)
    return given[0] if given else None


def _unfilled(value: Any, given: object) -> Any:
    """A value without the nulls of a table; where it was `given` as JSON text, they are its own."""
    return value if isinstance(given, str) else _without_nulls(value)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
