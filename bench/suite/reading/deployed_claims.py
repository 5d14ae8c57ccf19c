"""Adds to a suite the claims that `[deploy] margin` asks for: each deployed form is as good as its arm.

Contract: after this the claims of forms are claims like all others, so that nothing behind it has to know of them.
"""

from collections.abc import Callable

from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.suite import Suite


def with_deployed_claims(suite: Suite, in_text: Callable[[EvalSpec], bool]) -> Suite:
    """`suite` with a claim `ARM:FORM == ARM` for each form and each eval that has a margin and is in the suite; of a
    form behind a server, for those that text alone is scored in (`in_text`)."""
    if suite.deploy is None or not suite.deploy.margin:
        return suite
    evals = {spec.name for spec in suite.eval}
    asked = {spec.name for spec in suite.eval if in_text(spec)}
    added = tuple(
        Claim(says=f"{arm.name} == {arm.trained}", on=on, margin=margin)
        for arm in suite.expand()
        if arm.deployed is not None
        for on, margin in suite.deploy.margin.items()
        if on.partition("/")[0] in (evals if suite.endpoint_of(arm) is None else asked)
    )
    stated = {(claim.says, claim.on) for claim in suite.claim}
    return suite.model_copy(
        update={"claim": (*suite.claim, *(claim for claim in added if (claim.says, claim.on) not in stated))}
    )
