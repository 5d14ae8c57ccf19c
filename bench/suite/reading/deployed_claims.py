"""Adds to a suite the claims that `[deploy] margin` asks for: each deployed form is as good as its arm.

Contract: after this the claims of forms are claims like all others, so that nothing behind it has to know of them.
"""

from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.suite import Suite


def with_deployed_claims(suite: Suite) -> Suite:
    """`suite` with a claim `ARM:FORM == ARM` for each form and each eval that has a margin and is in the suite."""
    if suite.deploy is None or not suite.deploy.margin:
        return suite
    evals = {spec.name for spec in suite.eval}
    added = tuple(
        Claim(says=f"{arm.name} == {arm.trained}", on=on, margin=margin)
        for arm in suite.expand()
        if arm.deployed is not None
        for on, margin in suite.deploy.margin.items()
        if on.partition("/")[0] in evals
    )
    stated = {(claim.says, claim.on) for claim in suite.claim}
    return suite.model_copy(
        update={"claim": (*suite.claim, *(claim for claim in added if (claim.says, claim.on) not in stated))}
    )
