"""Whether `[evaluate_at]` names evals that have scores, and trainings that can be evaluated over their steps.

Contract: looks at the suite alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.errors import Problem
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.tables.conclusions.claim import TARGET_COSTS
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.evaluate_at import EvaluateAt

_WITHOUT_STEPS = {
    "judge": "its answers are compared with others', and dev answers have none",
    "questions": "it only shows answers, without scores",
}


def step_problems(suite: Suite) -> Iterator[Problem]:
    """Unknown evals, evals without scores of their own, nothing that trains, and two rules for one choice."""
    asked = suite.evaluate_at
    if asked is None:
        yield from _without_target(suite)
        return
    if not any(suite.trains(arm) for arm in suite.expand() if arm.is_given or arm.recipe in suite.recipe):
        what = "no arm of this suite trains, so no step can be evaluated"
        hint = 'remove it; checkpoints of a finished training are arms: [arms.given.NAME] checkpoints = "…"'
        yield Problem(reference="suite.evaluate-at", what=what, where="evaluate_at", hint=hint)
    yield from _eval_problems(suite, asked)
    yield from _choice_problems(suite, asked)
    if asked.target is None:
        yield from _without_target(suite)


def _eval_problems(suite: Suite, asked: EvaluateAt) -> Iterator[Problem]:
    evals = {spec.name: spec for spec in suite.eval}
    for index, name in enumerate(asked.evals):
        where = f"evaluate_at.evals[{index}]"
        if name not in evals:
            yield unknown_name("eval", name, where, evals)
        elif (why := _WITHOUT_STEPS.get(evals[name].kind)) is not None:
            what, hint = f"eval {name!r} cannot be scored over steps: {why}", "name evals with scores of their own"
            yield Problem(reference="suite.evaluate-at", what=what, where=where, hint=hint)
    named = {"keep": asked.keep_eval, "target.eval": None if asked.target is None else asked.target.eval}
    for key, eval_name in named.items():
        if eval_name is not None and eval_name not in asked.evals:
            yield unknown_name("eval in evaluate_at.evals", eval_name, f"evaluate_at.{key}", asked.evals)


def _choice_problems(suite: Suite, asked: EvaluateAt) -> Iterator[Problem]:
    """The step that is kept has one rule, and one process that has all weights."""
    if asked.keep_eval is None:
        return
    for name in dict.fromkeys(arm.recipe for arm in suite.expand() if arm.recipe in suite.recipe and not arm.is_given):
        recipe, where = suite.recipe[name], f"recipe.{name}"
        watched = recipe.validation
        if watched is not None and (watched.keep_best or watched.patience is not None):
            what = "validation loss and evaluate_at.keep would both choose the step that is kept"
            hint = 'set validation.keep_best = false without patience, or evaluate_at.keep = "last"'
            yield Problem(reference="suite.evaluate-at", what=what, where=f"{where}.validation", hint=hint)
        if recipe.sharded:
            what = "evaluate_at.keep is not combined with deepspeed or fsdp here: no process has all weights"
            yield Problem(reference="suite.evaluate-at", what=what, where=where, hint='set keep = "last"')


def _without_target(suite: Suite) -> Iterator[Problem]:
    for index, claim in enumerate(suite.claim):
        if claim.cost in TARGET_COSTS:
            what = f"{claim.on} needs a target, and the suite has none"
            hint = 'such as [evaluate_at] evals = ["qa"], target = { eval = "qa", value = 0.6 }'
            yield Problem(reference="suite.claim", what=what, where=f"claim[{index}].on", hint=hint)
