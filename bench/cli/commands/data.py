"""`bench data …`: rows as a model will see them, and rows written by a model."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete
from bench.cli.options import JsonOption, ProfileOption, SetOption, SuiteArgument, TrustRemoteCodeOption
from bench.cli.output import print_answer
from bench.errors import ExitCode

data = typer.Typer(help="Rows: shown as a model sees them, or written by a model.", no_args_is_help=True)


@data.command()
def show(
    suite: SuiteArgument,
    arm: Annotated[
        str,
        typer.Argument(
            help="An arm of the suite, such as lima_1k/full.", show_default=False, autocompletion=complete.arms
        ),
    ],
    *,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Rows to print.")] = 5,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    trust_remote_code: TrustRemoteCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show an arm's rows as the model will see them: supervised and masked tokens, counts, lengths."""
    from bench.places import home
    from bench.show.data import show_data
    from bench.show.data_rows import print_shown
    from bench.suite.load import load_suite

    loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()), trust_remote_code=trust_remote_code)
    print_answer(show_data(loaded, arm, rows=rows, home=home()), print_shown, as_json=as_json)


@data.command()
def make(
    spec: Annotated[str, typer.Argument(help="A make file (TOML).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON Lines file to write; an existing one is continued.")],
    overrides: SetOption = None,
    trust_remote_code: TrustRemoteCodeOption = False,
) -> None:
    """Make rows with a model: instructions, answers, best of K, scores, rewrites. Resumes where it stopped."""
    from bench.atomic import write_errors_as_problems
    from bench.run.commands.make import describe_summary, make_data

    with write_errors_as_problems(str(out)):
        summary = make_data(spec, out=out, overrides=tuple(overrides or ()), trust_remote_code=trust_remote_code)
    typer.echo("\n".join(describe_summary(summary)))
    if not summary.complete:
        raise typer.Exit(ExitCode.INCOMPLETE)
