"""Every sanity verdict has its condition in the docs, and what it changes is asked by a name that exists."""

import ast
import re
from pathlib import Path

from bench.report.sanity import weight

ROOT = Path(__file__).parents[2]
FILES = (*sorted((ROOT / "bench/report/sanity").glob("*.py")), ROOT / "bench/record/remarks.py")


def _named(node: ast.AST) -> str | None:
    """The name that a call gives to a finding or remark; `None` of any other node."""
    if not isinstance(node, ast.Call):
        return None
    function = node.func.id if isinstance(node.func, ast.Name) else ""
    given = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
    given = given if function in {"Finding", "Remark"} else node.args[:1] if function == "_of_training" else []
    return next((value.value for value in given if isinstance(value, ast.Constant)), None)


def _names() -> set[str]:
    calls = (node for file in FILES for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return {name for name in map(_named, calls) if name is not None}


def _documented() -> set[str]:
    text = (ROOT / "docs/statistics.md").read_text("utf-8").split("## Sanity verdicts")[1].split("\n## ")[0]
    return {name for row in re.findall(r"^\| ([^|]+) \|", text, re.M) for name in row.split(", ")}


def test_every_verdict_has_its_condition_in_the_docs() -> None:
    assert len(_names()) > 30
    assert not _names() - _documented()


def test_what_a_verdict_changes_is_asked_by_a_name_that_exists() -> None:
    """A mistyped name would count as one that concerns its arm and eval."""
    weighed = {
        *weight._HARMLESS,
        *weight._BETWEEN_ARMS,
        *weight._AGAINST_BASE,
        *weight._SPECIAL,
        *weight._OF_SCORES,
        *weight._OF_DOSE,
    }
    assert weighed <= _documented()
