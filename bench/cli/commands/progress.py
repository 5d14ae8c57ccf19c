"""`bench status`, `bench watch`: how far a run is that goes on elsewhere, or was stopped."""

from pathlib import Path
from typing import Annotated

from typer import Option

from bench.cli.options import JsonOption, ReportsOption, RunArgument
from bench.cli.output import console, print_json


def status(run: RunArgument, reports: ReportsOption = Path("reports"), as_json: JsonOption = False) -> None:
    """Show how far a run is: jobs done, scores and claims so far, what failed."""
    from bench.record.rundir import RunDirectory
    from bench.show.status import print_status, run_status, status_json

    directory = RunDirectory.find(run, reports)
    if as_json:
        print_json(status_json(run_status(directory)))
    else:
        print_status(directory, console())


def watch(
    run: RunArgument,
    every: Annotated[float, Option("--every", min=1.0, metavar="SECONDS", help="At most one look in so long.")] = 30.0,
    reports: ReportsOption = Path("reports"),
) -> None:
    """Show the status of a run again whenever it has changed, until the run ends."""
    from bench.record.rundir import RunDirectory
    from bench.show.status import watch as watch_run

    watch_run(RunDirectory.find(run, reports), console(), seconds=every)
