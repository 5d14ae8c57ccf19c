"""Sections print figures of the comparison: one that they computed themselves would be in no JSON."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SECTIONS = Path(__file__).parents[2] / "bench/report/sections"
ARITHMETIC = (ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)


def computed(tree: ast.AST) -> Iterator[str]:
    """Arithmetic of two figures, and sums of figures. A unit or a limit is a constant; a number of entries is a `len`,
    or a sum of yes and no."""
    for node in ast.walk(tree):
        operands = (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC) else ()
        if operands and not any(is_no_figure(operand) for operand in operands):
            yield ast.unparse(node)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("sum", "fmean", "median")
        ):
            (terms, *_) = node.args
            if not (isinstance(terms, ast.GeneratorExp) and isinstance(terms.elt, (ast.Compare, ast.BoolOp))):
                yield ast.unparse(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and is_figure_of(node.left, node.right):
            yield ast.unparse(node)


def is_no_figure(node: ast.expr) -> bool:
    """A constant, by value or by name; a number of entries; a set."""
    return (
        isinstance(node, (ast.Constant, ast.Set, ast.List))
        or (isinstance(node, ast.Name) and node.id.isupper())
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len")
    )


def is_figure_of(left: ast.expr, right: ast.expr) -> bool:
    """Whether both sides are attributes, as of `total.unjudged + total.unanswered`; texts are built of other parts."""
    return isinstance(left, ast.Attribute) and isinstance(right, ast.Attribute)


@pytest.mark.parametrize("file", sorted(SECTIONS.rglob("*.py")), ids=lambda file: file.relative_to(SECTIONS).as_posix())
def test_a_section_computes_no_figure(file: Path) -> None:
    assert list(computed(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    ["count / examples", "sum(arm.cost for arm in arms)", "total.cost - total.cost_now", "total.unjudged + total.lost"],
)
def test_what_would_be_a_figure_of_its_own_is_seen(line: str) -> None:
    assert list(computed(ast.parse(line))) == [ast.unparse(ast.parse(line))]
