"""The JSON Schema of suite files, generated from the types.

Contract: `bench/suite/schema.json` is `schema_text()` as committed, for editors (`#:schema`); a test holds them equal.
"""

import json
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from bench.suite.reading.key_docs import key_docs
from bench.suite.tables.suite import TO_TRAIN, Suite
from bench.suite.tables.training.adapter import AdapterSpec, QuantizationSpec
from bench.suite.tables.training.recipe import Recipe
from bench.suite.tables.training.sweep import MOST_SETTINGS, NOT_SWEPT, Sweep

_SUFFIX = "Overlay"
_TABLES = "#/$defs/"


class _WithDocs(GenerateJsonSchema):
    """Schema with the docstrings of the keys."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """A table, each of its keys described."""
        kind: type[BaseModel] = schema["cls"]
        table, docs = super().model_schema(schema), key_docs(kind)
        for key, value in table["properties"].items():
            value |= {"description": docs[key]} if key in docs else {}
        return table


def schema_text() -> str:
    """The schema as JSON with a line for each key of each table, so that a changed key is a changed line."""
    return _text(suite_schema(), ()) + "\n"


def _text(value: Any, at: tuple[str, ...]) -> str:
    if at and at[-1] not in ("$defs", "properties") and at[:-1] != ("$defs",):
        return json.dumps(value, ensure_ascii=False)
    pad = "  " * len(at)
    entries = (f"{pad}  {json.dumps(key)}: {_text(item, (*at, key))}" for key, item in value.items())
    return "{\n" + ",\n".join(entries) + f"\n{pad}}}"


def suite_schema() -> dict[str, Any]:
    """Schema of a whole file: a suite, `extends`, `default_profile`, and `profile.NAME` tables. No key is required in a
    profile, or in a file that extends another.

    What only holds once a profile is laid over the suite (a key that must be there), or where something is trained, is
    left to `bench validate`.
    """
    schema = Suite.model_json_schema(schema_generator=_WithDocs)
    schema["required"] = [key for key in schema["required"] if key not in TO_TRAIN]
    definitions: dict[str, Any] = schema["$defs"]
    _allow_sweeps(definitions)
    overlay = _overlay({key: value for key, value in schema.items() if key != "$defs"})
    overlays = {name + _SUFFIX: _overlay(definition) for name, definition in definitions.items()}
    used = _reachable(overlay, {**definitions, **overlays})
    definitions |= {name: overlays[name] for name in sorted(used & overlays.keys())}
    definitions["Profile"] = {**overlay, "title": "Profile", "description": "Keys laid over the suite."}
    definitions["Whole"] = {key: schema[key] for key in ("properties", "required")}
    of_the_file = {
        "extends": {
            "type": "string",
            "description": "Another suite, by path or shipped name, that this file is laid over, key by key.",
        },
        "default_profile": {"type": "string", "description": "The profile that runs where none is named."},
        "profile": {
            "type": "object",
            "description": "Named overlays: tables merge key by key, everything else is replaced.",
            "additionalProperties": {"$ref": f"{_TABLES}Profile"},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **overlay,
        "properties": overlay["properties"] | of_the_file,
        "if": {"not": {"required": ["extends"]}},
        "then": {"$ref": f"{_TABLES}Whole"},
        "$defs": definitions,
    }


def _allow_sweeps(definitions: dict[str, Any]) -> None:
    """Let each key of a recipe, and of the tables in it, be a value or a sweep over values."""
    definitions["Swept"] = {
        "type": "object",
        "description": _plain(Sweep.__doc__),
        "properties": {
            "sweep": {
                "type": "array",
                "minItems": 2,
                "maxItems": MOST_SETTINGS,
                "description": "The values, such as `[1e-5, 3e-5, 1e-4]`.",
            },
            "on": {"type": "string", "description": _plain(key_docs(Sweep)["on"])},
        },
        "required": ["sweep"],
        "additionalProperties": False,
    }
    for name in (Recipe.__name__, *(spec.__name__ for spec in (*get_args(AdapterSpec), QuantizationSpec))):
        properties = definitions[name]["properties"]
        for key in properties.keys() - NOT_SWEPT:
            kept = {word: properties[key][word] for word in ("description", "default") if word in properties[key]}
            properties[key] = {"anyOf": [properties[key], {"$ref": f"{_TABLES}Swept"}], **kept}


def _plain(docstring: str | None) -> str:
    """A docstring on one line."""
    return " ".join((docstring or "").split())


def _overlay(node: Any) -> Any:
    """A copy in which no key is required and tables are overlays too; items of lists, which are replaced, are whole."""
    if isinstance(node, list):
        return [_overlay(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: value if key == "items" else _overlay(value) for key, value in node.items() if key != "required"}
    copy.pop("minProperties", None)
    if isinstance(copy.get("$ref"), str):
        copy["$ref"] += _SUFFIX
    return copy


def _reachable(node: Any, definitions: dict[str, Any]) -> set[str]:
    """Names of the definitions that `node` refers to, through others too."""
    reached: set[str] = set()
    todo = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            name = str(item.get("$ref", "")).removeprefix(_TABLES)
            if name in definitions and name not in reached:
                reached.add(name)
                todo.append(definitions[name])
            todo.extend(item.values())
    return reached
