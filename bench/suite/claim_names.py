"""Whether what a suite's claims speak of is there. Pure: looks at the suite alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.errors import Problem, did_you_mean
from bench.suite.claim import Claim
from bench.suite.suite import Suite


def claim_problems(suite: Suite) -> Iterator[Problem]:
    """Unknown evals and arms, sides that are the same, and what cannot be decided whatever a run shows."""
    for index, claim in enumerate(suite.claim):
        where = f"claim[{index}]"
        yield from _measure_problems(claim, suite, where)
        yield from _side_problems(claim, suite, where)
        if claim.parts()[1] == "==" and claim.margin == 0:
            what = "`==` needs a margin above zero: no run can show an exact equality"
            hint = "set the difference that would not matter, such as margin = 0.02"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.margin", hint=hint)


def _measure_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    if claim.eval is None:
        return
    evals = {spec.name: spec for spec in suite.eval}
    spec = evals.get(claim.eval)
    if spec is None:
        yield _unknown("eval", claim.eval, f"{where}.on", evals)
        return
    if spec.kind == "questions":
        what = f"eval {claim.on!r} only shows answers: it has no score that could decide a claim"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.on", hint="name an eval with scores")
    if claim.task is not None and spec.kind != "lm_eval":
        what, hint = f"eval {claim.eval!r} has no tasks", f"write on = {claim.eval!r}"
        if spec.kind == "judge":
            hint += ": a claim is decided on the rate as judged; the report shows the rate at equal length beside it"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.on", hint=hint)
    if claim.per is not None and spec.kind == "loss":
        what = "a loss per cost is no quality: of a loss less is better"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.per", hint="name an eval of right answers")


def _side_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    left, _, right = claim.parts()
    bases = suite.base_subjects()
    sides = (*bases, *(arm.name for arm in suite.expand()))
    for side in dict.fromkeys((left, right)):
        if side not in sides:
            yield _unknown("arm", side, f"{where}.says", sides)
        elif side in bases and claim.cost is not None:
            what = f"{side!r} was not trained: it has no {claim.cost} to compare"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint="name two arms")
    yield from _judged_problems(claim, suite, where)
    if left == right:
        what = f"the claim compares {left!r} with itself"
        hint = "name two arms, or an arm and base"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint=hint)


def _judged_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    """Against controls, both sides must have been compared with the same one."""
    left, _, right = claim.parts()
    judged = {spec.name for spec in suite.eval if spec.kind == "judge" and spec.against == "control"}
    arms = {arm.name: arm for arm in suite.expand()}
    if claim.eval not in judged or not {left, right} <= {*arms, *suite.base_subjects()}:
        return
    sides = [suite.control_of(arms[side]) or side if side in arms else None for side in (left, right)]
    if None in sides or sides[0] != sides[1]:
        what = f"on eval {claim.eval!r} each arm is compared with its own control: {left!r} and {right!r} share none"
        hint = "name an arm and its control, or two arms with the same control"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint=hint)


def _unknown(kind: str, name: str, where: str, known: Iterable[str]) -> Problem:
    what = f"there is no {kind} {name!r} in this suite"
    return Problem(reference="suite.unknown-name", what=what, where=where, hint=did_you_mean(name, known))
