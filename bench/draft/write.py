"""The steps of `bench init`: look, choose, write.

Contract: no file is replaced; what is written was loaded first, so that it validates.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.atomic import write_text
from bench.draft.choose import Goal, choose
from bench.draft.flags import named_columns, told_by_flags
from bench.draft.look import look
from bench.draft.named_inputs import model_table, named_sources
from bench.draft.quiz import nothing_to_train_on, quizzes_of, refuse_multiple_choice
from bench.draft.suite_text import long_training, suite_text
from bench.errors import InputError, Problem
from bench.run.process.server import ChildServer
from bench.suite.load import load_suite
from bench.suite.schema import schema_text

SCHEMA_FILE = "suite.schema.json"


def draft_suite(
    model: str,
    data: Sequence[str],
    goal: Goal,
    *,
    out: Path,
    home: Path,
    server: ChildServer | None = None,
    columns: Sequence[str] = (),
    template: str | None = None,
    context_length: int | None = None,
    tell: Callable[[str], None] = lambda doing: None,
    note: Callable[[str], None] = lambda remark: None,
) -> Path:
    """Look at the base and the files, write a suite for the goal to `out`, and return it.

    model: a card, a folder with config.json, or a hub id. data: files, hub ids or `micro:…`; local paths are relative
    to the current folder. columns: `prompt=COLUMN,completion=COLUMN` for each file in turn, or one for all. template,
    context_length: what the base's own files do not say, or say wrongly. Raises `InputError` where `out` exists, and
    for what a run would refuse.
    """
    refuse_existing(out)
    folder = out.parent.resolve()
    sources = named_sources(data, folder)
    named = named_columns(columns, [*sources])
    quizzes = quizzes_of({name: source for name, source in sources.items() if name not in named}, folder)
    sources = {name: source for name, source in sources.items() if name not in quizzes}
    if not sources:
        raise nothing_to_train_on(quizzes.values())
    tell("looking at the base and the rows")
    table = model_table(model, folder, template=template, context_length=context_length)
    with told_by_flags():
        base, files = look(table, sources, folder=folder, home=home, server=server, columns=named)
    refuse_multiple_choice(files)
    choices = choose(base, files, goal)
    if (remark := long_training(base, choices)) is not None:
        note(remark)
    return save(suite_text(out.stem, base, files, choices, [*quizzes.values()]), out)


def refuse_existing(out: Path) -> None:
    """Raises `InputError` where `out` exists; makes its folder."""
    if out.exists():
        what, hint = "the file exists", "name another: --out FILE"
        raise InputError(Problem(reference="init.exists", what=what, where=str(out), hint=hint))
    out.parent.mkdir(parents=True, exist_ok=True)


def save(text: str, out: Path) -> Path:
    """Write the suite to `out`, and beside it the schema by which an editor completes its keys."""
    _check_text(text, out)
    schema = out.with_name(SCHEMA_FILE)
    if not schema.exists():
        write_text(schema, schema_text())
    write_text(out, f"#:schema {SCHEMA_FILE}\n{text}")
    return out


def _check_text(text: str, out: Path) -> None:
    """Load the text as the file that it will be. Raises `InputError`: a fault of the draft, with its place."""
    trial = out.with_name(f".{out.name}.tmp")
    try:
        trial.write_text(text, encoding="utf-8")
        load_suite(trial)
    finally:
        trial.unlink(missing_ok=True)
