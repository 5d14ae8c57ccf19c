"""The steps of `bench init`: look, choose, write.

Contract: no file is replaced; what is written was loaded first, so that it validates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.atomic import write_text
from bench.draft.choose import Goal, choose
from bench.draft.flags import named_columns, told_by_flags
from bench.draft.look import Looked, look
from bench.draft.named_inputs import model_table, named_sources
from bench.draft.suite_text import suite_text
from bench.errors import InputError, Problem
from bench.run.process.server import ChildServer
from bench.suite.load import load_suite
from bench.suite.schema import suite_schema

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
    tell("looking at the base and the rows")
    table = model_table(model, folder, template=template, context_length=context_length)
    with told_by_flags():
        base, files = look(table, sources, folder=folder, home=home, server=server, columns=named)
    refuse_multiple_choice(files)
    return save(suite_text(out.stem, base, files, choose(base, files, goal)), out)


def refuse_multiple_choice(files: Sequence[Looked]) -> None:
    """Raises `InputError` for files whose questions have options that training rows do not show, unless the user names
    the columns of prompt and answer."""
    problems = []
    for file in files:
        if file.columns is not None or not (options := file.options):
            continue
        listed = options[0].strip().lower() in ("choices", "options")
        choices = json.dumps(options[0] if listed else [*options])
        what = (
            f"{file.source}: these are multiple-choice questions, and rows to train on leave out their options "
            f"({', '.join(options)})"
        )
        hint = (
            f'[[eval]] kind = "choice", source = {json.dumps(file.source)}, choices = {choices} asks them; '
            "--columns prompt=…,completion=… trains on question and answer alone"
        )
        problems.append(Problem(reference="init.multiple-choice", what=what, where="--data", hint=hint))
    if problems:
        raise InputError(problems)


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
        write_text(schema, json.dumps(suite_schema(), ensure_ascii=False) + "\n")
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
