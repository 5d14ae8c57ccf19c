"""One road from the record to a sentence: what a page says is a field of `Comparison` and a key of the JSON."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.export.comparison_json import comparison_json
from tests.fakes.records import make_run

PRINTERS = ("sections", "plots", "render", "compose.py")
COMPUTES = ("bench.report.analysis", "bench.report.sanity", "bench.report.compare", "bench.stats", "bench.record")


def printers(root: Path) -> list[Path]:
    report = root / "bench" / "report"
    return [file for name in PRINTERS for file in sorted(report.glob(f"{name}/**/*.py") or []) or [report / name]]


def imported(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that a file takes from a module that computes."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(COMPUTES):
            yield from ((node.module or "", name.name) for name in node.names)


def test_sections_and_plots_compute_nothing_and_read_no_record(root: Path) -> None:
    """An analysis that a section calls by itself is missing in the JSON: a script then knows less than the page."""
    files = printers(root)
    assert len(files) > 30
    wrong = [
        f"{file.name}: {module}.{name}"
        for file in files
        for module, name in imported(file)
        if module.startswith("bench.record") or inspect.isfunction(getattr(importlib.import_module(module), name))
    ]
    assert not wrong


def test_the_comparison_holds_no_record() -> None:
    """With the record at hand, the second road opens again."""
    assert "Record" not in {str(field.type) for field in fields(Comparison)}


@pytest.mark.parametrize("options", [{}, {"failed_training": "lima_1k/full#0"}])
def test_every_field_of_the_comparison_is_a_key_of_the_json(options: dict[str, str]) -> None:
    comparison = compare(make_run(examples=20, **options), replicates=100)
    exported = comparison_json(comparison)
    assert {field.name for field in fields(Comparison)} <= exported.keys()
    assert {entry["arm"] for entry in exported["results"]} == set(comparison.arms)
    assert exported["completeness"]["complete"] is comparison.completeness.complete
