"""All checks between plan and work, with every problem in one message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.errors import InputError, Problem
from bench.run.checks.preflight import preflight
from bench.run.checks.rehearsal import rehearse
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer


def check_before_work(
    planned: Plan, *, home: Path, server: ChildServer, go_on: bool = False, note: Callable[[str], None] = lambda _: None
) -> None:
    """Raises `InputError` with all that would fail a training or an eval.

    `go_on`: problems of evals alone are noted, and the run is left to record what becomes of them.
    """
    problems = _problems_of(lambda: preflight(planned, home=home, server=server))
    rehearsed = _problems_of(lambda: rehearse(planned, home=home, server=server))
    if go_on:
        for problem in rehearsed:
            note(f"warning: {problem.where or 'eval'}: {problem.what}")
    else:
        problems += rehearsed
    if problems:
        raise InputError(problems)


def _problems_of(check: Callable[[], None]) -> list[Problem]:
    try:
        check()
    except InputError as error:
        return list(error.problems)
    return []
