"""The suite that the documentation shows is one to copy: its files are valid, and so is each addition."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.suite.load import load_suite, validate_all_profiles
from bench.suite.tables.suite import RunOptions, Suite

BLOCK = re.compile(r"^`([\w/.]+)`[^\n]*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "suites.md").read_text(encoding="utf-8")


@pytest.fixture
def suite(page: str, tmp_path: Path) -> Path:
    """The page's files, written as it names them."""
    files = dict(BLOCK.findall(page))
    assert set(files) == {"mine.toml", "tasks/colours.yaml", "tasks/colours.jsonl"}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path / "mine.toml"


def test_the_suite_shown_is_valid_as_it_stands(suite: Path) -> None:
    (loaded,) = validate_all_profiles(suite).values()
    assert [arm.name for arm in loaded.suite.expand()] == [
        "curated/full",
        "curated/lora",
        "mixed_300/full",
        "mixed_300/lora",
    ]


def test_what_is_shown_beside_it_can_be_added(suite: Path, page: str) -> None:
    first, *others = TOML.findall(page)
    assert first == suite.read_text(encoding="utf-8")
    with suite.open("a", encoding="utf-8") as file:
        file.writelines(others)
    loaded = load_suite(suite, profile="long", overrides=("seeds=[0]", "eval.heldout.data.select.size=50"))
    assert loaded.suite.budget.amount == 50_000
    assert [spec.kind for spec in loaded.suite.eval] == ["loss", "generation", "lm_eval", "judge"]


def test_every_table_and_every_key_of_run_is_named(page: str) -> None:
    for key in (*Suite.model_fields, *RunOptions.model_fields, "profile", "default_profile", "extends"):
        assert re.search(rf"[`\[]{key}\b", page), key
