"""What a shell completes after TAB: suites, runs, arms, profiles and model cards by their names.

Contract: never raises and never writes. What cannot be read completes to nothing, and the shell offers files.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from bench.errors import BenchError

Names = Callable[[typer.Context], Iterable[str]]
Complete = Callable[[typer.Context, str], list[str]]


def _beginning(names: Names) -> Complete:
    """The names that begin with what is typed; none where the suite or run is faulty, or not named yet."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return [name for name in names(ctx) if name.startswith(incomplete)]
        except (BenchError, KeyError, OSError, TypeError):
            return []

    return complete


@_beginning
def suites(ctx: typer.Context) -> Iterable[str]:
    """Shipped suites, and the TOML files here."""
    from bench.suite.load import suite_names

    return (*suite_names(), *(path.as_posix() for pattern in ("*.toml", "*/*.toml") for path in Path().glob(pattern)))


@_beginning
def runs(ctx: typer.Context) -> Iterable[str]:
    """`latest`, suites that have a run, and run folders."""
    from bench.record.rundir import RECORD

    records = sorted(_reports(ctx).glob(f"*/*/{RECORD}"))
    folders = [record.parent.as_posix() for record in records]
    return dict.fromkeys(["latest", *(record.parts[-3] for record in records), *folders])


@_beginning
def arms(ctx: typer.Context) -> Iterable[str]:
    """Arms of the suite, or of the run, that the command line names."""
    from bench.record.rundir import RunDirectory
    from bench.suite.load import load_suite

    if any(parameter.name == "suite" for parameter in ctx.command.params):
        suite = load_suite(_named(ctx, "suite"), profile=ctx.params.get("profile")).suite
    else:
        suite = RunDirectory.find(_named(ctx, "run"), _reports(ctx)).load().resolved.suite
    return (arm.name for arm in suite.expand())


@_beginning
def profiles(ctx: typer.Context) -> Iterable[str]:
    """Profiles of the suite that the command line names."""
    from bench.suite.load import read_suite_file

    return read_suite_file(_named(ctx, "suite")).profiles


@_beginning
def cards(ctx: typer.Context) -> Iterable[str]:
    """Model cards."""
    from bench.suite.catalog.card import card_names

    return card_names()


def _named(ctx: typer.Context, parameter: str) -> str:
    """The suite or run; before the value of an option, what was typed is not yet told apart. Raises `KeyError`."""
    words = [word for word in ctx.args if not word.startswith("-")]
    return ctx.params.get(parameter) or dict(enumerate(words))[0]


def _reports(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("reports") or "reports")
