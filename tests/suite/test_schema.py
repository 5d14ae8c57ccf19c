"""Completion in an editor must know every key and accept every shipped suite."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.suite.load import suite_names
from bench.suite.schema import schema_text, suite_schema
from tests.fakes.suite_files import SUITE


def errors(table: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(suite_schema()).iter_errors(table)]


def test_the_committed_schema_is_the_generated_one(root: Path, update_golden: bool) -> None:
    path = root / "bench" / "suite" / "schema.json"
    if update_golden:
        path.write_text(schema_text(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == schema_text()
    assert json.loads(schema_text()) == suite_schema()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(suite_schema())


@pytest.mark.parametrize("name", suite_names())
def test_every_shipped_suite_fits_it(name: str, root: Path) -> None:
    path = root / "suites" / f"{name}.toml"
    assert errors(tomllib.loads(path.read_text(encoding="utf-8"))) == []
    assert path.read_text(encoding="utf-8").startswith(
        f"#:schema {'../' * (name.count('/') + 1)}bench/suite/schema.json\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seeds = [0]", "sedes = [0]"),
        ("amount = 2\n", "amount = 0\n"),
        ('method = "full"', 'method = "ful"'),
        ('kind = "loss"', 'kind = "los"'),
        ("budget.amount = 20", "budget.amont = 20"),
        ("budget.amount = 20", 'recipe.full.method = "ful"'),
        ("budget.amount = 20", 'eval = [{ name = "x" }]'),
    ],
)
def test_what_the_types_refuse_an_editor_marks(old: str, new: str) -> None:
    assert errors(tomllib.loads(SUITE)) == []
    assert errors(tomllib.loads(SUITE.replace(old, new, 1)))


def test_a_profile_needs_no_key_and_may_add_a_table() -> None:
    assert errors(tomllib.loads(SUITE + "[profile.empty]\n[profile.more.recipe.third]\nlearning_rate = 1.0\n")) == []


def test_a_file_that_extends_another_gives_only_what_differs() -> None:
    file = 'extends = "full_vs_lora"\n[recipe.full]\nlearning_rate = 1e-5\n'
    assert errors(tomllib.loads(file)) == []
    assert errors(tomllib.loads(file.replace("extends", "name")))
    assert errors(tomllib.loads(file.replace("learning_rate", "learning_rte")))


def test_every_key_says_what_it_is() -> None:
    """An editor shows it beside the key; a key without it is a name to guess at."""
    schema = suite_schema()
    tables = {"suite": schema, **schema["$defs"]}
    keys = [(name, key, value) for name, table in tables.items() for key, value in table.get("properties", {}).items()]
    assert len(keys) > 300
    assert [f"{name}.{key}" for name, key, value in keys if len(value.get("description", "")) < 10] == []


def test_every_definition_is_used() -> None:
    schema = suite_schema()
    text = json.dumps(schema)
    assert [name for name in schema["$defs"] if f'"#/$defs/{name}"' not in text] == []
