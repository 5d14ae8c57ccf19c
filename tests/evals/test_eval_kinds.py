"""What a kind of eval needs: each place that has something for it, and the rest of the program that asks its facts."""

import ast
import re
from pathlib import Path
from typing import ClassVar, Literal, cast, get_args

import pytest

import bench
from bench.evals import job as subjects
from bench.evals.rehearsal import rehearse
from bench.evals.served import job as served
from bench.record.task_names import task_of
from bench.run.plan.digests import ENTRIES
from bench.suite.catalog.answered_in_text import answered_in_text
from bench.suite.checks.names.eval_scale import eval_ends
from bench.suite.tables.data import Select
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.eval_spec import (
    EvalSpec,
    asks_bare,
    data_of,
    examples_asked,
    longest_answer,
    reference_of,
    slices_of,
    with_all_examples,
    with_examples,
)
from bench.suite.tables.evals.judge import PromptSpec
from bench.suite.tables.evals.kind import EvalKind

KINDS: dict[str, type[EvalKind]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(get_args(EvalSpec)[0])
}
PACKAGE = Path(bench.__file__).parent
EVAL_KIND = re.compile(r"(?:spec|eval|evaluation|measurand)\.kind$")
DOCS = PACKAGE.parent / "docs"


class NewSpec(EvalKind):
    """A kind that no other file knows: rows, a scale that ends at zero, and likelihoods."""

    scale: ClassVar = (0.0, 9.0)

    kind: Literal["new"] = "new"
    name: str = "mine"
    data: PromptSpec
    slices: tuple[str, ...] = ("topic",)
    template: Literal["suite", "none"] = "none"

    @property
    def by_likelihood(self) -> bool:
        return True


def test_facts_of_a_new_kind_are_read_wherever_the_program_asks() -> None:
    data = PromptSpec(source="rows.jsonl", select=Select(by="first", size=5))
    new = cast("EvalSpec", NewSpec(data=data))
    assert (data_of(new), slices_of(new), reference_of(new)) == (data, ("topic",), None)
    assert (examples_asked(new), examples_asked(with_examples(new, 7)), examples_asked(with_all_examples(new))) == (
        5,
        7,
        None,
    )
    assert (eval_ends(new), asks_bare(new), longest_answer(new)) == ((0.0, 9.0), True, None)
    assert not answered_in_text(new, None)
    assert task_of(new, "another's") == "mine"


def test_limit_counts_the_examples_of_an_eval_without_rows_of_its_own() -> None:
    spec = ChoiceSpec(kind="choice", name="quiz", source="quiz.jsonl", limit=5)
    assert (examples_asked(spec), examples_asked(with_examples(spec, 7))) == (5, 7)
    assert with_all_examples(spec).model_dump()["limit"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_in_each_table_of_its_facts(kind: str) -> None:
    spec = KINDS[kind]
    always_by_likelihood = kind == "loss"
    assert (kind in subjects.KINDS) == spec.loads_subject
    assert kind in rehearse._KINDS
    assert kind in ENTRIES
    assert (kind in served._KINDS) == (spec.loads_subject and not always_by_likelihood)
    assert f'kind = "{kind}"' in (DOCS / "evals.md").read_text(encoding="utf-8")
    assert f'"const": "{kind}"' in (PACKAGE / "suite" / "schema.json").read_text(encoding="utf-8")


def test_files_that_tell_kinds_apart_are_named_where_a_kind_is_added() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| a kind of eval |"))
    apart = {f"bench/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*.py") if tells_kinds_apart(path)}
    assert {name for name in apart if f"`{name}`" not in row} == set()


def tells_kinds_apart(path: Path) -> bool:
    """Whether a function of the file asks for two kinds of eval."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return any(len(kinds_asked_for(function)) > 1 for function in functions)


def kinds_asked_for(function: ast.FunctionDef) -> set[str]:
    """Kinds that are compared with, by name or by class; an assertion tells nothing apart."""
    asserted = {id(part) for node in ast.walk(function) if isinstance(node, ast.Assert) for part in ast.walk(node)}
    names = {kind.__name__: name for name, kind in KINDS.items()}
    found = set[str]()
    for node in ast.walk(function):
        if id(node) in asserted:
            continue
        if isinstance(node, ast.Compare) and EVAL_KIND.search(ast.unparse(node.left)):
            found |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)} & {*KINDS}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            classes = [part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)]
            found |= {names[name] for name in classes if name in names}
    return found
