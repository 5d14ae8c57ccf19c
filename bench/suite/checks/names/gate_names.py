"""Whether what `[gate]` names is in the suite. Pure: looks at the suite alone."""

from collections.abc import Iterator

from bench.errors import Problem
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.tables.conclusions.gate import Waiver
from bench.suite.tables.suite import Suite


def gate_problems(suite: Suite) -> Iterator[Problem]:
    """Evals, arms and claims of the policy that the suite does not have."""
    evals = [spec.name for spec in suite.eval]
    for name in suite.gate.eval:
        if name not in evals:
            yield unknown_name("eval", name, f"gate.eval.{name}", evals)
    for index, waiver in enumerate(suite.gate.waiver):
        yield from _waiver_problems(suite, waiver, f"gate.waiver[{index}]", evals)


def _waiver_problems(suite: Suite, waiver: Waiver, where: str, evals: list[str]) -> Iterator[Problem]:
    subjects = [*suite.base_subjects(), *(arm.name for arm in suite.expand())]
    claims = [claim.says for claim in suite.claim]
    for kind, name, names in (
        ("eval", waiver.eval, evals),
        ("arm", waiver.arm, subjects),
        ("claim", waiver.claim, claims),
    ):
        if name is not None and name not in names:
            yield unknown_name(kind, name, f"{where}.{kind}", names)
