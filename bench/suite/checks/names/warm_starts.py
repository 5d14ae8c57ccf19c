"""Whether each arm that a recipe begins from is there, changes weights, and is not made of the arm itself."""

from collections.abc import Iterator

from bench.errors import Problem, did_you_mean
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.adapter import VIRTUAL_TOKEN_METHODS


def start_problems(suite: Suite) -> Iterator[Problem]:
    """Problems of `recipe.NAME.from`, each recipe once."""
    problems: dict[str, Problem] = {}
    for arm in suite.expand():
        if not arm.is_given and arm.recipe in suite.recipe and suite.recipe[arm.recipe].from_arm is not None:
            problem = _problem(suite, arm)
            if problem is not None:
                problems.setdefault(arm.recipe, problem)
    yield from problems.values()


def _problem(suite: Suite, arm: ArmRef) -> Problem | None:
    name, start, where = suite.recipe[arm.recipe].from_arm or "", suite.start_of(arm), f"recipe.{arm.recipe}.from"
    if start is None:
        what = f"there is no arm {name!r} in this suite"
        hint = did_you_mean(name, (arm.name for arm in suite.expand()))
        return Problem(reference="suite.unknown-name", what=what, where=where, hint=hint)
    if start.model != arm.model:
        what = f"{arm.name} would begin from {start.name}, which is another model"
        return Problem(reference="suite.start", what=what, where=where, hint="give each model a recipe of its own")
    if not start.is_given and start.recipe not in suite.recipe:
        return None
    if suite.endpoint_of(start) is not None:
        what = f"{start.name} is behind a server: there are no weights to begin from"
        return Problem(reference="suite.start", what=what, where=where, hint="begin from an arm that changes weights")
    method = None if start.is_given else suite.recipe[start.recipe].method
    if method == "few_shot" or method in VIRTUAL_TOKEN_METHODS:
        what = f"{start.name} changes no weights ({method}), so nothing can begin from it"
        return Problem(reference="suite.start", what=what, where=where, hint="begin from an arm that changes weights")
    if _circle(suite, arm):
        what = f"{arm.name} would begin from itself"
        return Problem(reference="suite.start", what=what, where=where, hint="include this recipe for other data only")
    return None


def _circle(suite: Suite, arm: ArmRef) -> bool:
    seen, at = {arm.name}, suite.start_of(arm)
    while at is not None and (at.is_given or at.recipe in suite.recipe):
        if at.name in seen:
            return True
        seen.add(at.name)
        at = suite.start_of(at)
    return False
