"""Whether `[deploy]` names arms and evals that are there, and forms that these arms have. Pure: looks at the suite
alone."""

from collections.abc import Iterator, Mapping

from bench.errors import Problem
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.suite import Suite


def deploy_problems(suite: Suite) -> Iterator[Problem]:
    """Unknown arms and evals, forms that an arm cannot have, and a table that deploys nothing."""
    deploy = suite.deploy
    if deploy is None:
        return
    arms = {arm.name: arm for arm in suite.expand() if arm.deployed is None}
    for name, forms in deploy.arms.items():
        if name not in arms:
            yield unknown_name("arm", name, f"deploy.arms.{name}", arms)
            continue
        able = suite.possible_forms(arms[name])
        for form in forms:
            if form not in able:
                what = f"{name} cannot be shipped as {form}"
                hint = f"its forms: {', '.join(able)}" if able else "it changes no weights: name an arm that does"
                yield Problem(reference="suite.deploy", what=what, where=f"deploy.arms.{name}", hint=hint)
    yield from _endpoint_problems(suite, arms)
    evals = {spec.name for spec in suite.eval}
    for on in deploy.margin:
        if on.partition("/")[0] not in evals:
            yield unknown_name("eval", on, f"deploy.margin.{on}", evals)
    if not deploy.arms and not any(arm.deployed is not None for arm in suite.expand()):
        what = "[deploy] names no form that an arm of this suite has"
        hint = 'such as forms = ["merged-bf16", "int8"]'
        yield Problem(reference="suite.deploy", what=what, where="deploy.forms", hint=hint)


def _endpoint_problems(suite: Suite, arms: Mapping[str, ArmRef]) -> Iterator[Problem]:
    """Servers of unknown arms, and of arms whose forms they are not among."""
    assert suite.deploy is not None, "checked"
    shipped = {arm.trained for arm in suite.expand() if arm.deployed == "endpoint"}
    for name in suite.deploy.endpoint:
        if name not in arms:
            yield unknown_name("arm", name, f"deploy.endpoint.{name}", arms)
        elif name not in shipped:
            what, hint = f"{name} is not deployed as an endpoint", 'add "endpoint" to the forms of [deploy]'
            yield Problem(reference="suite.deploy", what=what, where=f"deploy.endpoint.{name}", hint=hint)
