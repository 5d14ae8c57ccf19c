"""`bench board`: one page over many runs. Needs no torch."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import JsonOption, ReportsOption
from bench.cli.output import print_json


def board(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Run folders, names of suites, or folders of runs; default: all runs.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("board.html"),
    reports: ReportsOption = Path("reports"),
    as_json: JsonOption = False,
) -> None:
    """Write one page over many runs: suites, models and arms, each suite's history, and what may be compared."""
    from bench.atomic import write_errors_as_problems, write_text
    from bench.report.as_json import to_json
    from bench.report.board.compose import compose_board
    from bench.report.board.history import find_runs, make_board
    from bench.report.render import html

    view, drawings = compose_board(make_board(find_runs(runs or [str(reports)], reports)))
    if as_json:
        print_json(to_json(view))
        return
    with write_errors_as_problems(str(out)):
        write_text(out, html.render(view, drawings))
    typer.echo(str(out))
