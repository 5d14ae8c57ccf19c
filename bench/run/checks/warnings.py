"""What a run will do as asked and its user should know before: unused draws, prompt forms that differ, data that a task
lacks.

Contract: refuses nothing; looks at the suite, at task files, at folders and at files of `choice` evals, and loads no
model and no rows of other data.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import places
from bench.data.formats.columns import COLUMNS, ColumnMeaning
from bench.data.formats.unused import worth_reporting
from bench.errors import Problem
from bench.suite.catalog.tasks import installed_task_file, local_tasks
from bench.suite.checks.data.choice_rows import unread_columns
from bench.suite.checks.data.data_dependencies import closure
from bench.suite.checks.data.subset_draws import unused_draws
from bench.suite.checks.names.claim_logic import claims_together
from bench.suite.load import LoadedSuite
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.eval_spec import asks_bare
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite

_PUNKT = "punkt_tab"
_ASKS_PUNKT = (_PUNKT.encode(), b"tasks.ifeval", b"tasks/ifeval")
"""In a task's code, or in a task file that uses lm-eval's."""


def advice(loaded: LoadedSuite) -> list[Problem]:
    """Warnings, in the suite's order; none where nothing is amiss."""
    return [
        *_claims_together(loaded.suite),
        *unused_draws(loaded.suite),
        *_bare_prompts(loaded.suite),
        *_without_steps(loaded.suite),
        *_lost_sentences(loaded.suite, loaded.path.parent),
        *_unread_columns(loaded.suite, loaded.path.parent),
    ]


def as_line(warning: Problem) -> str:
    """In one line."""
    return f"warning: {warning.where}: {warning.what}" + (f" ({warning.hint})" if warning.hint else "")


def _claims_together(suite: Suite) -> Iterator[Problem]:
    """Claims that exclude others, or follow from them; each makes the others harder to decide (Holm)."""
    for found in claims_together(suite.claim):
        where = f"claim[{next(index for index, claim in enumerate(suite.claim) if claim is found.claim)}]"
        what = f"on {found.claim.measure} {found.sentence}"
        yield Problem(reference="advice.claims", what=what, where=where, hint="remove one of them")


def _bare_prompts(suite: Suite) -> Iterator[Problem]:
    """Evals that ask without the template in which arms are trained: base and arm may differ by the form alone."""
    if not _trains_in_a_template(suite):
        return
    for index, spec in enumerate(suite.eval):
        if asks_bare(spec):
            yield Problem(
                reference="advice.template",
                what=f"{spec.name!r} asks without the template that arms are trained with: a part of a difference "
                "between base and arm may be the form's",
                where=f"eval[{index}].template",
                hint='template = "suite" asks both in it',
            )


def _without_steps(suite: Suite) -> Iterator[Problem]:
    """Recipes whose arms `[evaluate_at]` leaves out, beside others that it evaluates."""
    if suite.evaluate_at is None:
        return
    for name in dict.fromkeys(arm.recipe for arm in suite.expand() if suite.trains(arm)):
        if (recipe := suite.recipe[name]).by_program:
            yield Problem(
                reference="advice.evaluate-at",
                what=f"its arms are not evaluated over steps: engine = {recipe.engine!r} stores none; their other "
                "scores are of the test examples, as every arm's",
                where=f"recipe.{name}.engine",
            )


def _trains_in_a_template(suite: Suite) -> bool:
    """Whether an arm trains on anything but plain text, which no template wraps."""
    trained = {arm.data for arm in suite.expand() if suite.trains(arm)}
    specs = [suite.data[name] for name in closure(trained, suite.data)]
    return any(spec.mix is None and (spec.columns is None or spec.columns.text is None) for spec in specs)


def _lost_sentences(suite: Suite, base: Path) -> Iterator[Problem]:
    """IFEval splits sentences with data that nltk does not bring along; without them those examples have no score."""
    for index, spec in enumerate(suite.eval):
        asking = _splitting(spec, base) if isinstance(spec, LmEvalSpec) else None
        if asking is not None and not _has_punkt():
            yield Problem(
                reference="advice.nltk",
                what=f"task {asking!r} needs nltk's {_PUNKT}, which is not on this machine: where a run cannot "
                "download it either, examples that need it have no score",
                where=f"eval[{index}].tasks",
                hint=f"python -m nltk.downloader {_PUNKT}",
            )


def _unread_columns(suite: Suite, base: Path) -> Iterator[Problem]:
    """Columns of a `choice` eval's file that may belong to the question, and that nobody is shown."""
    for index, spec in enumerate(suite.eval):
        if not isinstance(spec, ChoiceSpec):
            continue
        unread, rows = unread_columns(spec, base / Path(spec.source).expanduser(), where=f"eval[{index}].source")
        for name, count in worth_reporting(unread, rows).items():
            if COLUMNS.get(name) is not ColumnMeaning.NOTHING:
                yield Problem(
                    reference="advice.column",
                    what=f"column {name!r} of {spec.source} is not asked ({count:,} of {rows:,} rows)",
                    where=f"eval[{index}]",
                    hint=f'passage = "{name}" puts it before the question',
                )


def _splitting(spec: LmEvalSpec, base: Path) -> str | None:
    """The first task of the eval whose file, or whose code beside and below it, speaks of that data."""
    local = {} if spec.include is None else local_tasks(base / Path(spec.include).expanduser())
    for task in spec.tasks:
        file = local.get(task) or installed_task_file(task)
        if file is not None and any(_speaks(path) for path in (file, *sorted(file.parent.rglob("*.py")))):
            return task
    return None


def _speaks(file: Path) -> bool:
    try:
        raw = file.read_bytes()
    except OSError:
        return False
    return any(word in raw for word in _ASKS_PUNKT)


def _has_punkt() -> bool:
    names = (_PUNKT, f"{_PUNKT}.zip")
    return any((folder / "tokenizers" / name).exists() for folder in _nltk_folders() for name in names)


def _nltk_folders() -> Iterator[Path]:
    """Where nltk looks (`nltk.data.path`, whose import takes a second), and this program's own folder."""
    yield places.home() / "nltk_data"
    yield from (Path(part) for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part)
    yield Path("~/nltk_data").expanduser()
    yield from (Path(sys.prefix, *below, "nltk_data") for below in ((), ("share",), ("lib",)))
    yield from (Path(root, "nltk_data") for root in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib"))
