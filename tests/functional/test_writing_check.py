"""The check of the prose finds what docs/writing.md forbids, and nothing in a text that keeps to it."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".ci" / "writing.py"


@pytest.fixture(scope="module")
def writing() -> ModuleType:
    """The script as a module; it is no part of the package."""
    spec = importlib.util.spec_from_file_location("writing", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('"""Of seeds: no two are alike."""', [1]),
        ('class A:\n    """A pair."""\n\n    x: int\n    """That of the first side."""', [5]),
        ('def f():\n    """\n    Seeds.\n\n    As drawn, they stand in the record.\n    """', [5]),
        ('raise ValueError(f"{name} wants\\nto be mended by hand")', [2]),
        ('"""The same rows, sorted."""', [1]),
        ('"""Those that fit."""', [1]),
        ('"""What was said before, and a model made by hand."""', [1]),
        ('"""A table made by a model."""\nhint = "processes meet at a port"', [1, 2]),
        ('"""A killed job goes on where it stopped; talking goes on."""', [1]),
        ('hint = "Often a cached file"\nname = "stands"\nkey = "lies"', []),
        ('"""Distance between two seeds. They cannot be told apart by name alone."""', []),
    ],
)
def test_a_docstring_or_a_message_is_found_with_its_line(writing: ModuleType, source: str, lines: list[int]) -> None:
    assert [line for line, _ in writing.in_python(source)] == lines


def test_prose_is_read_without_its_code(writing: ModuleType) -> None:
    text = "A cell\nstands for itself.\n```sh\nmend it\n```\nIt `stands` and lies.\n  ```\n  told\n  ```\nReckoned."
    assert list(writing.in_prose(text)) == [(6, "“lies”: is, is stored in"), (10, "“Reckoned”: estimate, compute")]


def test_a_planted_sentence_is_found_by_the_command(tmp_path: Path) -> None:
    """That the project itself passes is for `make lint` to say."""
    copy = tmp_path / ".ci" / "writing.py"
    copy.parent.mkdir()
    copy.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "README.md").write_text("# A suite\n\nThe reason stands in the log.\n", encoding="utf-8")
    run = subprocess.run([sys.executable, copy], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "README.md:3: “stands”: is, holds, is recorded in\n")
