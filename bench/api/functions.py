"""Functions that take a suite or a run: what the commands of the same names do."""

from collections.abc import Sequence
from pathlib import Path

from bench.api.loaded_run import LoadedRun
from bench.places import home
from bench.record.rundir import RunDirectory
from bench.report.analysis.across.compare_runs import RunComparison
from bench.report.analysis.across.compare_runs import compare_runs as compare_directories
from bench.run.checks.local_rows import LocalRows
from bench.run.checks.machine import here_problems
from bench.run.checks.warnings import advice, as_line
from bench.run.display import QuietDisplay
from bench.run.estimate.forecast import forecast
from bench.run.estimate.forecast_types import Forecast
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite, load_suite

REPORTS = Path("reports")
"""Where runs are written and found, relative to the working directory."""


def validate(
    suite: str | Path, *, profile: str | None = None, overrides: Sequence[str] = (), trust_task_code: bool = False
) -> tuple[str, ...]:
    """Check a suite and everything that it names, and return the warnings, each as one line.

    Raises `InputError` with every problem that needs no library to see, at once; what rows of the hub, tokenizer and
    recipes show (`plan` checks it) is not among them."""
    loaded = load_suite(
        suite,
        profile=profile,
        overrides=overrides,
        refuse_task_code=not trust_task_code,
        also=here_problems,
        rows=LocalRows().problems,
    )
    return tuple(as_line(warning) for warning in advice(loaded))


def plan(
    suite: LoadedSuite,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    reports: Path = REPORTS,
    server: ChildServer | None = None,
) -> Forecast:
    """What `run` would do and take, as `bench plan` says. quick: time nothing that never ran here. reports: where the
    suite's earlier runs are, with which new jobs are compared.

    Raises `InputError` as `run` does, before any work."""
    return forecast(suite, only=tuple(only), home=home(), reports=reports, server=server, probe=not quick)


def run(
    suite: LoadedSuite,
    *,
    only: Sequence[str] = (),
    fresh: bool = False,
    reports: Path = REPORTS,
    server: ChildServer | None = None,
) -> LoadedRun:
    """Train and evaluate what is not done yet, as `bench run` does, and write the record; no report is written.

    only: arms to run, all if empty. fresh: reuse no earlier result. Failed jobs are in the record. Raises `InputError`
    before any work.
    """
    directory = run_suite(
        suite, only=only, fresh=fresh, home=home(), reports=reports, display=QuietDisplay(), server=server
    )
    return LoadedRun(directory)


def load_run(name: str | Path, *, reports: Path = REPORTS) -> LoadedRun:
    """The run that `name` means: a run's folder, a suite's latest run, or `latest`. Raises `InputError`."""
    return LoadedRun(RunDirectory.find(str(name), reports))


def compare_runs(first: LoadedRun, second: LoadedRun) -> RunComparison:
    """Two runs over the same examples, as `bench compare`. Raises `InputError` where they do not mean the same."""
    return compare_directories(first.directory, second.directory)
