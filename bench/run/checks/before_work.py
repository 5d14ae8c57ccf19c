"""All checks between plan and work, with every problem in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError, Problem
from bench.run.checks.given import check_given
from bench.run.checks.preflight import preflight
from bench.run.checks.rehearsal import rehearse
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer


def check_before_work(
    planned: Plan, *, home: Path, server: ChildServer, go_on: bool = False, note: Callable[[str], None] = lambda _: None
) -> frozenset[str]:
    """Raises `InputError` with all that would fail a training or an eval.

    Returns the names of evals whose rows are unavailable today; each is noted. `go_on`: problems of evals are noted
    too, and the run is left to record what becomes of them.
    """
    problems: list[Problem] = []
    unavailable: dict[str, str] = {}
    try:
        preflight(planned, home=home, server=server)
    except InputError as error:
        problems += error.problems
    try:
        check_given(planned.resolved, home=home, server=server)
    except InputError as error:
        problems += error.problems
    try:
        unavailable = rehearse(planned, home=home, server=server)
    except InputError as error:
        for problem in error.problems if go_on else ():
            note(f"warning: {problem.where or 'eval'}: {problem.what}")
        problems += () if go_on else error.problems
    if problems:
        raise InputError(problems)
    for what in unavailable.values():
        note(f"warning: {what}")
    return frozenset(unavailable)
