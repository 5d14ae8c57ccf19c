"""The commands as Python functions: validate, run, open and compare, with the types that they return.

Contract: what `__all__` names keeps its name and meaning between minor versions; all other modules may change. Like the
command line this imports no torch: work runs in child processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError, InputError
from bench.places import home
from bench.record.rundir import RunDirectory
from bench.report.analysis.compare_runs import compare_runs
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.write import write_comparison
from bench.run.display import QuietDisplay
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite, load_suite

__all__ = [
    "BenchError",
    "Comparison",
    "InputError",
    "LoadedSuite",
    "RunDirectory",
    "compare",
    "compare_runs",
    "load_suite",
    "open_run",
    "run",
    "write_comparison",
]

REPORTS = Path("reports")


def run(
    suite: LoadedSuite, *, only: Sequence[str] = (), reports: Path = REPORTS, server: ChildServer | None = None
) -> RunDirectory:
    """Train and evaluate what is not done yet, as `bench run` does, and write the record; no report is written.

    only: arms to run, all if empty. Failed jobs are in the record. Raises `InputError` before any work.
    """
    return run_suite(suite, only=only, home=home(), reports=reports, display=QuietDisplay(), server=server)


def open_run(name: str, *, reports: Path = REPORTS) -> RunDirectory:
    """The run that `name` means: a run's folder, a suite's latest run, or `latest`. Raises `InputError`."""
    return RunDirectory.find(name, reports)
