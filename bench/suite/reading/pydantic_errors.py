"""Turns pydantic's errors into sentences about keys of the file: what is wrong, at which key, what was meant.

Contract: no word of pydantic's reaches the reader; a path such as `recipe.full.learning_rate` or `eval[0].tasks` is one
of the file.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from bench.control_codes import visible
from bench.errors import Problem, did_you_mean
from bench.suite.reading.foreign_keys import here_it_is, here_it_is_called
from bench.suite.reading.key_types import SCHEMA_HINT, KeyPath, about, choices, known_keys, value_at
from bench.suite.reading.placement import as_list, belongs, shorthand

Locate = Callable[[KeyPath], str]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?")


def spell(path: KeyPath) -> str:
    """A key path as TOML writes it, list items in brackets: `eval[0].tasks`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        key = part if _BARE.fullmatch(part) else _quoted(part)
        text += f".{_short(key)}" if text else _short(key)
    return text


def freeze(value: Any) -> Any:
    """Lists become tuples, so that strict validation takes what TOML gives and coerces nothing."""
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return tuple(freeze(item) for item in value) if isinstance(value, list) else value


def explain(
    error: ValidationError, raw: Mapping[str, Any], model: type[BaseModel], *, kind: str, locate: Locate = spell
) -> list[Problem]:
    """One problem per key, in the order of the errors. `raw` is what was validated; `kind` begins each reference."""
    by_path: dict[KeyPath, list[dict[str, Any]]] = {}
    for item in error.errors(include_url=False):
        path, located = _at_kind(_real_path(item["loc"], raw, item["type"]), dict(item))
        if not _is_echo(located, path, raw):
            by_path.setdefault(path, []).append(located)
    explainer = _Explainer(raw=raw, model=model, kind=kind, locate=locate)
    return [explainer.problem(path, items) for path, items in by_path.items()]


def fault_paths(error: ValidationError, raw: Mapping[str, Any]) -> list[KeyPath]:
    """The keys that are wrong, and the tables that lack one or whose keys do not go together; empty: the whole file."""
    paths = [(_real_path(item["loc"], raw, item["type"]), item["type"]) for item in error.errors(include_url=False)]
    return [path[:-1] if kind == "missing" else path for path, kind in paths]


def _real_path(location: Sequence[str | int], raw: Any, error_type: str) -> KeyPath:
    """Drops what pydantic puts into a location beside the keys: union branches and tags."""
    path: list[str | int] = []
    node = raw
    for place, part in enumerate(location):
        if place == 2 and location[0] == "eval":
            continue  # the `kind` that told the branches apart
        if _holds(node, part):
            node = node[part]
        elif not (error_type == "missing" and place == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


def _at_kind(path: KeyPath, item: dict[str, Any]) -> tuple[KeyPath, dict[str, Any]]:
    """Error of a table whose `kind` is missing or unknown, moved from the table to that key."""
    if item["type"] not in {"union_tag_not_found", "union_tag_invalid"} or not isinstance(item["input"], Mapping):
        return path, item
    key = item["ctx"]["discriminator"].strip("'")
    if key not in item["input"]:
        return (*path, key), {**item, "type": "missing"}
    return (*path, key), {**item, "input": item["input"][key]}


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, tuple | list) and isinstance(part, int) and 0 <= part < len(node)


def _is_echo(item: Mapping[str, Any], path: KeyPath, raw: Any) -> bool:
    """Pydantic counts only valid items: a list whose items are all wrong is "too short" as well."""
    return item["type"] == "too_short" and bool(len(value_at(raw, path) or ()) >= item["ctx"]["min_length"])


def subject(path: KeyPath, raw: Any) -> str:
    """How a sentence names a key: `recipe.full.r`, or `eval "instructions": tasks` for an item that has a name."""
    if len(path) >= 2 and isinstance(path[1], int):
        item = value_at(raw, path[:2])
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(name, str):
            head = f"{path[0]} {shown(name, quote=True)}"
            return f"{head}: {spell(path[2:])}" if path[2:] else head
    return spell(path) or "the file"


def shown(value: Any, *, quote: bool = False) -> str:
    """A value as a sentence shows it: short, on one line, no control codes."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, tuple | list):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(_short(value)) if quote else f"the text {_quoted(_short(value))}"
    try:
        return _short(str(value))
    except ValueError:  # more digits than Python prints
        return "a very long number"


def _quoted(text: str) -> str:
    """In double quotes, on one line, fit for any UTF-8 stream: what the shell could not decode is a code point."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(escaped)}"'


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explainer:
    """Sentences about the errors of one file."""

    raw: Any
    model: type[BaseModel]
    kind: str
    locate: Locate

    def problem(self, path: KeyPath, items: list[dict[str, Any]]) -> Problem:
        """The problem of one key, from all errors there."""
        items = [item for item in items if item["type"] != "value_error"] or items
        first, name = items[0], subject(path, self.raw)
        match first["type"]:
            case "extra_forbidden":
                return self._unknown(path, first["input"])
            case "missing":
                return self._named("missing-key", path, f"{name} is missing", self._to_write(path))
            case "value_error":
                return self._named("value", path, f"{name}: {first['ctx']['error']}", SCHEMA_HINT)
        sentence = " or ".join(dict.fromkeys(_sentence(item) for item in items))
        reference = "type" if all("type" in item["type"] for item in items) else "value"
        what = f"{name} must be {sentence}, not {shown(first['input'])}"
        return self._named(reference, path, what, self._hint(items, path))

    def _named(self, reference: str, path: KeyPath, what: str, hint: str) -> Problem:
        return Problem(reference=f"{self.kind}.{reference}", what=what, where=self.locate(path), hint=hint)

    def _unknown(self, path: KeyPath, value: object) -> Problem:
        key, parent = str(path[-1]), path[:-1]
        keys = known_keys(self.model, parent, self.raw)
        close = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=0.8)
        hint = (
            here_it_is(key, parent, self._kind_at(parent))
            or self._own_table(parent, key)
            or (f"did you mean {close[0]!r}?" if close else None)
            or belongs(self.model, parent, key, value, kind=self._kind_at(parent))
            or did_you_mean(key, keys, none=SCHEMA_HINT)
        )
        place = f" in {subject(parent, self.raw)}" if parent else ""
        return self._named("unknown-key", path, f"unknown key {shown(key, quote=True)}{place}", hint)

    def _to_write(self, path: KeyPath) -> str:
        """What a missing key can be: its words, or what it is for."""
        words = choices(self.model, path, self.raw)
        listed = ", ".join(f'"{word}"' for word in words)
        return f"{path[-1]} is one of {listed}" if len(words) > 1 else about(self.model, path, self.raw)

    def _own_table(self, parent: KeyPath, key: str) -> str | None:
        """The hint where a table of the suite itself was written under another: `[data.arms]`."""
        if len(parent) < 2 or key not in known_keys(self.model, (name := parent[-1],), self.raw):
            return None
        return f"write it as [{name}], a table of its own, not under [{spell(parent[:-1])}]"

    def _kind_at(self, path: KeyPath) -> str | None:
        table = value_at(self.raw, path)
        kind = table.get("kind") if isinstance(table, Mapping) else None
        return kind if isinstance(kind, str) else None

    def _hint(self, items: list[dict[str, Any]], path: KeyPath) -> str:
        """The nearest allowed word, the way to write it, or what the key is for."""
        value = items[0]["input"]
        for item in items:
            expected = (item.get("ctx") or {}).get("expected") or (item.get("ctx") or {}).get("expected_tags")
            if expected:
                words = re.findall(r"'([^']*)'", expected)
                close = difflib.get_close_matches(str(value).lower(), words, n=1, cutoff=0.5)
                meant = here_it_is_called(str(path[-1]), value)
                return meant or (f"did you mean {close[0]!r}?" if close else about(self.model, path, self.raw))
            if item["type"] == "string_type" and isinstance(value, int | float) and not isinstance(value, bool):
                return f'write it as text: "{shown(value)}"'
            if item["type"] in {"int_type", "float_type"} and isinstance(value, str) and _NUMBER.fullmatch(value):
                return f"write it without quotes: {value}"
        if (written := shorthand(path, value)) is not None:
            return f"write {written}"
        if any(item["type"] == "tuple_type" for item in items) and value is not None:
            return as_list(path, value)
        return about(self.model, path, self.raw)


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda ctx: "text",
    "string_unicode": lambda ctx: "text in UTF-8",
    "int_type": lambda ctx: "a whole number",
    "float_type": lambda ctx: "a number",
    "bool_type": lambda ctx: "true or false",
    "tuple_type": lambda ctx: "a list",
    "dict_type": lambda ctx: "a table",
    "model_type": lambda ctx: "a table",
    "model_attributes_type": lambda ctx: "a table",
    "finite_number": lambda ctx: "a finite number",
    "greater_than": lambda ctx: f"greater than {_number(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"at least {_number(ctx['ge'])}",
    "less_than": lambda ctx: f"less than {_number(ctx['lt'])}",
    "less_than_equal": lambda ctx: f"at most {_number(ctx['le'])}",
    "literal_error": lambda ctx: _one_of(ctx["expected"]),
    "union_tag_invalid": lambda ctx: _one_of(ctx["expected_tags"]),
    "union_tag_not_found": lambda ctx: f"a table with the key {ctx['discriminator'].strip(chr(39))}",
    "too_short": lambda ctx: f"a list of at least {ctx['min_length']}" if ctx["field_type"] == "Tuple"
    else f"a table of at least {ctx['min_length']}",
    "too_long": lambda ctx: f"a list of at most {ctx['max_length']}",
    "string_too_short": lambda ctx: "text that is not empty",
    "string_too_long": lambda ctx: f"text of at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: "made of letters from a to z, digits, `.`, `_` and `-`, the first no sign",
}  # fmt: skip


def _sentence(item: Mapping[str, Any]) -> str:
    make = _SENTENCES.get(item["type"])
    if make is None:
        return str(item["msg"]).removeprefix("Input should be ")
    return make(item.get("ctx") or {})


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) or value != int(value) else f"{int(value):,}"


def _one_of(expected: str) -> str:
    return expected.replace("'", '"')
