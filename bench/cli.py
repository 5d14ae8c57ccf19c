"""The command line: parse, call, print, exit code; nothing else.

Contract: help in under 0.3 s, so each command imports what it needs when it runs. Every refusal is a `BenchError`,
caught once, in `main`.
"""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bench import __version__
from bench.cli_gate import export, gate
from bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from bench.record.rundir import RunDirectory

_PIPED_WIDTH = 120
"""Columns where there is no terminal whose width could be asked, as in a CI log."""

app = typer.Typer(
    name="bench",
    help="Fine-tune, evaluate and compare: one suite file in, a report that decides out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="Model cards and the embedded base.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(gate, name="gate")
app.command()(export)


class Kind(StrEnum):
    """What `bench list` can list."""

    SUITES = "suites"
    MODELS = "models"
    EVALS = "evals"
    RECIPES = "recipes"
    SELECTORS = "selectors"
    TEMPLATES = "templates"
    METRICS = "metrics"


SuiteArgument = Annotated[str, typer.Argument(help="A suite file, or the name of a shipped one.", show_default=False)]
RunArgument = Annotated[
    str, typer.Argument(help="A run folder, a suite's name (its latest run), or `latest`.", show_default=False)
]
ProfileOption = Annotated[str | None, typer.Option("--profile", "-p", help="Profile laid over the suite.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one key; may be repeated.")
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", metavar="ARM", help="Only this arm; may be repeated.")]
ReportsOption = Annotated[Path, typer.Option("--reports", help="Where run folders are written.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    # `--debug` is read by `main`, which catches what a command raises.
    del debug, version


@app.command()
def run(
    suite: SuiteArgument,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Reuse no earlier result.")] = False,
    reports: ReportsOption = Path("reports"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No live progress; still prints the report.")] = False,
) -> None:
    """Train, evaluate, compare, report. Goes on where an earlier run of the same suite stopped."""
    from bench.places import home
    from bench.report import write_report
    from bench.run.display import make_display
    from bench.run.run import run_suite
    from bench.suite.load import load_suite

    loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()))
    with make_display(_console(stderr=True), quiet=quiet) as display:
        finished = run_suite(loaded, only=tuple(only or ()), fresh=fresh, home=home(), reports=reports, display=display)
    write_report(finished, console=_console())
    _exit_by_record(finished)


def _exit_by_record(finished: RunDirectory) -> None:
    """Exit 3 where cells are missing; the report has said which."""
    if not finished.load().complete:
        raise typer.Exit(ExitCode.INCOMPLETE)


@app.command()
def validate(
    suite: SuiteArgument, profile: ProfileOption = None, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Check a suite and everything it names; without --profile, all its profiles."""
    from bench.suite.load import load_suite, validate_all_profiles
    from bench.suite.summary import summarise

    if profile is None and not overrides:
        checked = validate_all_profiles(suite)
    else:
        loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()))
        checked = {loaded.profile or "": loaded}
    summaries = [summarise(loaded) for loaded in checked.values()]
    if as_json:
        _print_json(summaries)
        return
    for summary in summaries:
        typer.echo(f"{summary['suite']} ({summary['profile'] or 'no profile'}): valid: {summary['says']}")


@app.command()
def plan(
    suite: SuiteArgument,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a run would do, what is cached, and what it would cost, without doing it."""
    from bench.places import home
    from bench.run.forecast import forecast
    from bench.run.forecast_table import print_forecast
    from bench.suite.load import load_suite

    loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()))
    expected = forecast(loaded, only=tuple(only or ()), home=home())
    if as_json:
        _print_json(expected.model_dump(mode="json"))
    else:
        print_forecast(expected, _console())


@app.command()
def report(run: RunArgument, reports: ReportsOption = Path("reports"), as_json: JsonOption = False) -> None:
    """Draw the report of a run again, from its record alone."""
    from bench.record.rundir import RunDirectory
    from bench.report import report_json, write_report

    found = RunDirectory.find(run, reports)
    if as_json:
        _print_json(report_json(found))
    else:
        write_report(found, console=_console())


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")], as_json: JsonOption = False) -> None:
    """List what can be named in a suite."""
    from bench.suite.listing import listing

    rows = listing(kind.value)
    if as_json:
        _print_json(rows)
        return
    from bench.run.show_list import print_list

    print_list(rows, _console())


@app.command()
def schema() -> None:
    """Print the JSON Schema of suite files, for completion in an editor."""
    from bench.suite.schema import suite_schema

    _print_json(suite_schema())


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Show what this machine can do: device, cores, memory, measured matmul peak, versions, hub."""
    from bench.perf.doctor import examine, print_examination

    found = examine()
    if as_json:
        _print_json(found.model_dump(mode="json"))
    else:
        print_examination(found, _console())


@models.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A card, a folder with config.json, or a hub id.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show a base: its card, and parameters counted from its config."""
    from bench.run.show_model import print_model, show_model

    shown = show_model(name)
    if as_json:
        _print_json(shown.model_dump(mode="json"))
    else:
        print_model(shown, _console())


@models.command("build")
def build_model(
    name: Annotated[str, typer.Argument(help="The embedded base: micro.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; default: over the shipped one.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of world, corpus and training.")] = 0,
) -> None:
    """Rebuild an embedded base from nothing: world, corpus, tokenizer, weights, card."""
    from bench.run.build import build_embedded

    typer.echo(build_embedded(name, out=out, seed=seed))


def _fail(error: BenchError) -> NoReturn:
    for problem in error.problems:
        sys.stderr.write(f"error[{problem.reference}]: {_printable(problem.what)}\n")
        if problem.where is not None:
            sys.stderr.write(f"  where: {_printable(problem.where)}\n")
        if problem.hint is not None:
            sys.stderr.write(f"  hint: {_printable(problem.hint)}\n")
    sys.exit(error.exit_code)


def _printable(text: str) -> str:
    """No control code of a file's content reaches the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)


def _exit_on_usage(error: Any) -> NoReturn:
    """A wrong command line, said in the same form as every other refusal."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "bench"
    message = error.format_message()
    if message:  # empty where typer has already shown the help
        sys.stderr.write(f"error[usage]: {_printable(message)}\n  hint: {command} --help\n")
    sys.exit(ExitCode.BAD_INPUT)


def main() -> None:
    """Run the command line and end the process with its exit code (`bench.errors.ExitCode`)."""
    try:
        outcome = app(standalone_mode=False)
    except BenchError as error:
        if "--debug" in sys.argv[1:]:
            raise
        _fail(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept, the same command goes on from there\n")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own refusals, whichever click typer carries
            _exit_on_usage(error)
        if "--debug" in sys.argv[1:]:
            raise
        sys.stderr.write(
            f"error[internal]: {type(error).__name__}: {_printable(str(error))}\n"
            "  hint: this is a bug; run again with --debug for the traceback\n"
        )
        sys.exit(ExitCode.BAD_INPUT)
    sys.exit(outcome if isinstance(outcome, int) else ExitCode.OK)


if __name__ == "__main__":
    main()
