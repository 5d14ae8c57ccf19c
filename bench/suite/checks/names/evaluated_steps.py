"""Whether `[evaluate_at]` names evals that have scores, and trainings that can be evaluated over their steps.

Contract: looks at the suite alone.
"""

import math
from collections.abc import Iterator

from bench.errors import Problem
from bench.suite.catalog.metrics import Ends
from bench.suite.checks.names.eval_scale import eval_ends
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.conclusions.claim import TARGET_COSTS
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.evaluate_at import EvaluateAt, Target


def step_problems(suite: Suite) -> Iterator[Problem]:
    """Unknown evals, evals without scores of their own, nothing that trains, and two rules for one choice."""
    asked = suite.evaluate_at
    if asked is None:
        yield from _without_target(suite)
        return
    if not any(stores_steps(suite, arm) for arm in suite.expand()):
        what = "no arm of this suite trains in a way that stores its steps, so none can be evaluated"
        hint = 'remove it; checkpoints of a finished training are arms: [arms.given.NAME] checkpoints = "…"'
        yield Problem(reference="suite.evaluate-at", what=what, where="evaluate_at", hint=hint)
    yield from _eval_problems(suite, asked)
    target = asked.target
    if target is not None and (spec := next((spec for spec in suite.eval if spec.name == target.eval), None)):
        yield from target_problems(target, eval_ends(spec))
    yield from _choice_problems(suite, asked)
    if asked.target is None:
        yield from _without_target(suite)


def stores_steps(suite: Suite, arm: ArmRef) -> bool:
    """Whether the arm's training can be evaluated over its steps: it is the suite's own, and by no other program;
    also true of an unknown recipe, which is refused for itself."""
    if arm.is_given:
        return False
    recipe = suite.recipe.get(arm.recipe)
    return recipe is None or (suite.trains(arm) and not recipe.by_program)


def _eval_problems(suite: Suite, asked: EvaluateAt) -> Iterator[Problem]:
    evals = {spec.name: spec for spec in suite.eval}
    for index, name in enumerate(asked.evals):
        where = f"evaluate_at.evals[{index}]"
        if name not in evals:
            yield unknown_name("eval", name, where, evals)
        elif (why := evals[name].no_step_scores) is not None:
            what, hint = f"eval {name!r} cannot be scored over steps: {why}", "name evals with scores of their own"
            yield Problem(reference="suite.evaluate-at", what=what, where=where, hint=hint)
    named = {"keep": asked.keep_eval, "target.eval": None if asked.target is None else asked.target.eval}
    for key, eval_name in named.items():
        if eval_name is not None and eval_name not in asked.evals:
            yield unknown_name("eval in evaluate_at.evals", eval_name, f"evaluate_at.{key}", asked.evals)


def target_problems(target: Target, ends: Ends | None) -> Iterator[Problem]:
    """A target that no score can be: 60 was meant as 0.6, and no training would ever have reached it. ends: lowest and
    highest score; `None` where they are unknown."""
    if ends is not None and not ends[0] <= target.value <= ends[1]:
        scale = f"are {ends[0]:g} to {ends[1]:g}" if math.isfinite(ends[1]) else f"are {ends[0]:g} or more"
        what = f"no score of {target.eval!r} is {target.value:g}: its scores {scale}"
        hint = "give the target in the eval's units"
        yield Problem(reference="suite.evaluate-at", what=what, where="evaluate_at.target.value", hint=hint)


def _choice_problems(suite: Suite, asked: EvaluateAt) -> Iterator[Problem]:
    """The step that is kept has one rule, one process that has all weights, and is stored."""
    if asked.keep_eval is None:
        return
    for name in dict.fromkeys(arm.recipe for arm in suite.expand() if arm.recipe in suite.recipe and not arm.is_given):
        recipe, where = suite.recipe[name], f"recipe.{name}"
        watched = recipe.validation
        if watched is not None and (watched.keep_best or watched.patience is not None):
            what = "validation loss and evaluate_at.keep would both choose the step that is kept"
            hint = 'set validation.keep_best = false without patience, or evaluate_at.keep = "last"'
            yield Problem(reference="suite.evaluate-at", what=what, where=f"{where}.validation", hint=hint)
        if recipe.by_program:
            what = f"evaluate_at.keep cannot choose among the steps of engine = {recipe.engine!r}: it stores none"
            hint = 'set keep = "last", or leave the arm out'
            yield Problem(reference="suite.evaluate-at", what=what, where=f"{where}.engine", hint=hint)
        if recipe.sharded:
            what = "evaluate_at.keep is not combined with deepspeed or fsdp here: no process has all weights"
            yield Problem(reference="suite.evaluate-at", what=what, where=where, hint='set keep = "last"')


def _without_target(suite: Suite) -> Iterator[Problem]:
    for index, claim in enumerate(suite.claim):
        if claim.cost in TARGET_COSTS:
            what = f"{claim.on} needs a target, and the suite has none"
            hint = 'such as [evaluate_at] evals = ["qa"], target = { eval = "qa", value = 0.6 }'
            yield Problem(reference="suite.claim", what=what, where=f"claim[{index}].on", hint=hint)
