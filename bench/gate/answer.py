"""Answers of a check: go, no-go, inconclusive; nothing else is an answer."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from bench.errors import ExitCode

GateAnswer: TypeAlias = Literal["go", "no-go", "inconclusive"]
"""`go`: a loss beyond the accepted one is excluded. `no-go`: such a loss is shown. `inconclusive`: neither."""
FailOn: TypeAlias = Literal["no-go", "unresolved"]
"""What ends a check with exit code 1: a shown loss alone, or also an answer that is inconclusive."""


def joint(answers: Iterable[GateAnswer]) -> GateAnswer:
    """The answer of several checks together: one no-go is enough, and go needs all of them."""
    given = set(answers)
    if "no-go" in given:
        return "no-go"
    return "inconclusive" if "inconclusive" in given else "go"


def exit_code(answer: GateAnswer, fail_on: FailOn) -> ExitCode:
    """0 or 1."""
    failed = answer == "no-go" or (answer == "inconclusive" and fail_on == "unresolved")
    return ExitCode.GATE_FAILED if failed else ExitCode.OK
