"""The command's own flags in what is refused: there is no suite yet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pydantic import ValidationError

from bench.data.sources.row_faults import COLUMNS_HINT
from bench.errors import InputError, Problem
from bench.suite.tables.data import Columns

_COLUMNS_FLAG = "name the columns: --columns prompt=…,completion=… (also input, system; or text=… alone)"

_BY_FLAG: dict[str, tuple[str | None, str]] = {
    "model.context-length": ("--model", "say how many tokens the model may see: --context-length 2048"),
    "template.no-embedding": ("--model", "use another template, such as --template dialogue"),
    "template.refused": (
        None,
        "name a template that prints them (--template NAME), or leave such rows out of the file",
    ),
    "data.missing-file": ("--data", "paths are relative to the current folder"),
}
"""Place (`None`: the problem's own) and hint of what a run would say of a suite's keys, by reference."""


@contextmanager
def told_by_flags() -> Iterator[None]:
    """Problems of a suite's keys, with the command's own flags in their place: there is no suite yet."""
    try:
        yield
    except InputError as error:
        raise InputError(_by_flag(problem) for problem in error.problems) from error


def _by_flag(problem: Problem) -> Problem:
    if problem.hint == COLUMNS_HINT:
        return replace(problem, hint=_COLUMNS_FLAG)
    where, hint = _BY_FLAG.get(problem.reference, (None, problem.hint))
    return replace(problem, where=where or problem.where, hint=hint)


def named_columns(columns: Sequence[str], names: Sequence[str]) -> dict[str, Columns]:
    """The columns of each file. Raises `InputError` for a text that names none, or more of them than files."""
    if len(columns) not in (0, 1, len(names)):
        what = f"--columns is given {len(columns)} times for {len(names)} files"
        raise InputError(
            Problem(reference="init.columns", what=what, where="--columns", hint="once, or once per --data")
        )
    return dict(
        zip(names, [_columns(text) for text in columns] * (len(names) if len(columns) == 1 else 1), strict=False)
    )


def _columns(text: str) -> Columns:
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    try:
        return Columns.model_validate({key.strip(): name.strip() for key, name in pairs.items()})
    except ValidationError as error:
        what = f"{text!r} names no columns: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        raise InputError(Problem(reference="init.columns", what=what, where="--columns", hint=_COLUMNS_FLAG)) from None
