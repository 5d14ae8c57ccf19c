"""The commands as Python functions: validate, plan, run, and a run with its frames and figures.

Contract: what `__all__` names keeps its name and meaning between minor versions, and `import bench` has it, too; all
other modules may change. Like the command line this imports no torch: work runs in child processes.
"""

import sys
from types import ModuleType
from typing import Any

from bench.api.functions import REPORTS, compare_runs, load_run, plan, run, validate
from bench.api.loaded_run import LoadedRun, SvgFigure
from bench.errors import BenchError, InputError
from bench.report.analysis.comparison import Comparison
from bench.suite.load import LoadedSuite, load_suite

__all__ = [
    "REPORTS",
    "BenchError",
    "Comparison",
    "InputError",
    "LoadedRun",
    "LoadedSuite",
    "SvgFigure",
    "compare_runs",
    "load_run",
    "load_suite",
    "plan",
    "run",
    "validate",
]


class _CallableRoom(ModuleType):
    """The room `bench.run`, called as the function of that name: Python sets the package's attribute to the room."""

    def __call__(self, *arguments: Any, **options: Any) -> LoadedRun:
        return sys.modules[__name__].run(*arguments, **options)  # type: ignore[no-any-return]  # `run` above


sys.modules["bench.run"].__class__ = _CallableRoom
