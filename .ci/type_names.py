"""The check of type names: one name, one meaning in the whole package.

`python .ci/type_names.py` prints each class or alias that is defined twice, and exits with 1 where something was found.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "bench"


def type_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every class, and of every alias on the top level: a capital, then not capitals alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.lineno, node.name
    for statement in tree.body:
        for target in _targets(statement):
            if isinstance(target, ast.Name) and target.id.lstrip("_")[:1].isupper() and not target.id.isupper():
                yield statement.lineno, target.id


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """What a statement gives a value: `A = …` or `A: TypeAlias = …`."""
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


def main() -> int:
    """Print every name with several places; 0 without any, 1 otherwise."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, name in type_names(ast.parse(path.read_text(encoding="utf-8"))):
            places[name].append(f"{path.relative_to(PACKAGE.parent)}:{line}")
    shared = {name: where for name, where in places.items() if len(where) > 1}
    for name, where in shared.items():
        print(f"{name}: {', '.join(where)}: give each type a name of its own")
    return int(bool(shared))


if __name__ == "__main__":
    sys.exit(main())
