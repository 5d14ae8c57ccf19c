"""`bench report`, `bench compare`, `bench clean`: what is done with finished runs. None needs torch."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.options import FullOption, JsonOption, ReportsOption, RunArgument
from bench.cli.output import console, print_answer, print_json

ReportFormat = Literal["screen", "pr"]


HistoryOption = Annotated[
    list[Path] | None,
    typer.Option(help="Earlier times, as `bench export` and pytest-benchmark write them: a file or a folder."),
]
ShareOption = Annotated[
    Path | None,
    typer.Option(help="Write a copy to publish into this folder: no prompts, no answers, no folders of this machine."),
]
LayoutOption = Annotated[
    ReportFormat, typer.Option("--format", help="`screen` for a terminal, or `pr`: Markdown that fits a comment.")
]


def report(
    run: RunArgument,
    *,
    history: HistoryOption = None,
    share: ShareOption = None,
    layout: LayoutOption = "screen",
    full: FullOption = False,
    reports: ReportsOption = Path("reports"),
    as_json: JsonOption = False,
) -> None:
    """Draw the report of a run again, from its record alone; with the trend of earlier times where they are given."""
    from bench.record.rundir import RunDirectory
    from bench.report.cached_report import cached_report, print_view
    from bench.report.render.comment import render as render_comment

    directory = RunDirectory.find(run, reports)
    cached = None if history or as_json or share else cached_report(directory.path, full=full or layout == "pr")
    if cached is not None:
        if layout == "pr":
            typer.echo(render_comment(cached.view), nl=False)
        else:
            print_view(cached.view, directory.path, console(), full=full)
        raise typer.Exit(cached.exit_code)
    from bench.processes import shared_out
    from bench.record.environment import cores
    from bench.report.compare import compare
    from bench.report.compose import compose
    from bench.report.export.comparison_json import comparison_json
    from bench.report.history import with_history
    from bench.report.write import write_comparison, write_copy

    with shared_out(cores()):
        comparison = compare(directory)
        if history:
            comparison = with_history(comparison, directory.load(), history)
        if share is not None:
            typer.echo(str(write_copy(comparison, share)))
            raise typer.Exit(comparison.completeness.exit_code)
        if as_json:
            print_json(comparison_json(comparison))
        elif layout == "pr":
            write_comparison(comparison, directory.path)
            typer.echo(render_comment(compose(comparison)), nl=False)
        else:
            write_comparison(comparison, directory.path, console=console(), full=full)
        raise typer.Exit(comparison.completeness.exit_code)


def compare(
    first: RunArgument, second: RunArgument, reports: ReportsOption = Path("reports"), as_json: JsonOption = False
) -> None:
    """Compare two runs of one suite over the same examples; refuses where they do not mean the same."""
    from bench.record.rundir import RunDirectory
    from bench.report.across_view import print_comparison
    from bench.report.analysis.across.compare_runs import compare_runs

    comparison = compare_runs(RunDirectory.find(first, reports), RunDirectory.find(second, reports))
    print_answer(comparison, print_comparison, as_json=as_json)


def clean(
    weights: Annotated[bool, typer.Option("--weights", help="Also trained weights of finished jobs.")] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Also what stopped runs could resume from.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Free it; without this, only show.")] = False,
    reports: ReportsOption = Path("reports"),
    as_json: JsonOption = False,
) -> None:
    """Show what earlier runs left that could go, and free it. Never what a finished report needs."""
    from bench.places import home
    from bench.run.commands.clean import SAFE, LeftoverKind, free, leftovers, summary
    from bench.show.listing import print_list
    from bench.units import size_text

    chosen: dict[LeftoverKind, bool] = {"weights": weights, "unfinished": unfinished}
    kinds = (*SAFE, *(kind for kind, asked in chosen.items() if asked))
    leftover = leftovers(home(), reports)
    print_answer(summary(leftover), print_list, as_json=as_json)
    if yes:
        removed = free(home(), leftover, kinds)
        typer.echo(f"freed {size_text(sum(item.bytes for item in removed))}: {', '.join(kinds)}", err=as_json)
