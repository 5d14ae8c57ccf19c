"""Whether the evals that a decision weighs exist and rank arms. Pure: looks at the suite alone."""

from collections.abc import Iterator

from bench.errors import Problem, did_you_mean
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.suite import Suite

_NAME_ANOTHER = "give weights to evals that rank arms: targets, and what must not be forgotten"


def decision_problems(suite: Suite) -> Iterator[Problem]:
    """Unknown evals, and evals whose scores do not rank arms."""
    if suite.decision is None:
        return
    evals = {spec.name: spec for spec in suite.eval}
    for name in suite.decision.weights:
        where = f"decision.weights.{name}"
        spec = evals.get(name.partition("/")[0])
        if spec is None:
            what = f"there is no eval {name!r} in this suite"
            yield Problem(reference="suite.unknown-name", what=what, where=where, hint=did_you_mean(name, evals))
            continue
        reason = _unranked(spec, task=name.partition("/")[2])
        if reason is not None:
            what = f"the decision cannot weigh {name!r}: {reason}"
            yield Problem(reference="suite.decision", what=what, where=where, hint=_NAME_ANOTHER)


def _unranked(spec: EvalSpec, *, task: str) -> str | None:
    """Why the scores of an eval, or of a task of it, do not rank arms; `None` where they do."""
    if not spec.scored:
        return "it only shows answers, without scores"
    if spec.role == "diagnostic":
        return "a diagnostic ranks nothing"
    if spec.against_controls:
        return "each arm is judged against its own control, so that the scores have no common scale"
    if task and not spec.has_tasks:
        return "it has no tasks"
    return None
