"""Whether what a suite's claims speak of is there. Pure: looks at the suite alone."""

from collections.abc import Iterator

from bench.errors import Problem
from bench.suite.catalog.metrics import Ends
from bench.suite.checks.names.eval_scale import eval_ends
from bench.suite.checks.names.evaluated_steps import stores_steps
from bench.suite.checks.names.unknown import unknown_name
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.conclusions.claim import TARGET_COSTS, Claim
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.judge_measures import TIE
from bench.suite.tables.suite import Suite


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


def margin_problems(claim: Claim, ends: Ends | None, where: str) -> Iterator[Problem]:
    """A margin that spans the whole scale: no score could refute the claim, or none could support it. ends: lowest and
    highest score; `None` where they are unknown."""
    span = None if ends is None else ends[1] - ends[0]
    if claim.per is None and ends is not None and span is not None and claim.margin >= span:
        scale = f"{ends[0]:g} to {ends[1]:g}"
        what = f"margin {claim.margin:g} spans the whole scale of {claim.on!r}, {scale}: no score could decide it"
        hint = f"give the margin in the eval's units, such as {0.02 * span:g} for two hundredths of the scale"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.margin", hint=hint)


def _margin_beside_a_tie(claim: Claim, spec: EvalSpec, suite: Suite, where: str) -> Iterator[Problem]:
    """A margin of half the scale, where one side is what the judge compares the other with: its rate is one half by
    definition."""
    if spec.kind != "judge" or claim.per is not None or not TIE <= claim.margin < 2 * TIE:
        return
    left, _, right = claim.parts()
    arms = {arm.name: arm for arm in suite.expand()}
    references: set[str | None] = set()
    if spec.against == "base":
        references = {*suite.base_subjects()}
    elif spec.against == "control":
        references = {suite.control_of(arms[side]) for side in (left, right) if side in arms}
    if references & {left, right}:
        what = f"margin {claim.margin:g} on {claim.on!r}: a rate is at most {TIE:g} from that of its reference, a tie"
        hint = "give the margin in the eval's units, such as 0.05"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.margin", hint=hint)


def _measure_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    if claim.eval is None:
        return
    evals = {spec.name: spec for spec in suite.eval}
    spec = evals.get(claim.eval)
    if spec is None:
        yield unknown_name("eval", claim.eval, f"{where}.on", evals)
        return
    yield from margin_problems(claim, eval_ends(spec), where)
    yield from _margin_beside_a_tie(claim, spec, suite, where)
    if not spec.scored:
        what = f"eval {claim.on!r} only shows answers: it has no score that could decide a claim"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.on", hint="name an eval with scores")
    if claim.task is not None and not spec.has_tasks:
        what, hint = f"eval {claim.eval!r} has no tasks", f"write on = {claim.eval!r}"
        if spec.kind == "judge":
            hint += ": a claim is decided on the rate as judged; the report shows the rate at equal length beside it"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.on", hint=hint)
    if claim.per is not None and not spec.higher_is_better:
        what = "a loss per cost is no quality: of a loss less is better"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.per", hint="name an eval of right answers")


def _side_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    left, _, right = claim.parts()
    bases = suite.base_subjects()
    arms = {arm.name: arm for arm in suite.expand()}
    sides = (*bases, *arms)
    for side in dict.fromkeys((left, right)):
        if side not in sides:
            yield unknown_name("arm", side, f"{where}.says", sides)
        elif claim.cost is not None and _costs_nothing(arms.get(side)):
            what = f"{side!r} was not trained by this suite: it has no {claim.cost} to compare"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint="name two arms")
        elif claim.cost in TARGET_COSTS and not stores_steps(suite, arms[side]):
            what = f"the training of {side!r} stores no steps, so nobody sees when it reaches a target"
            hint = "name arms that are not trained by a command, or a cost of the whole training, such as cost:tokens"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint=hint)
    yield from _judged_problems(claim, suite, where)
    if left == right:
        what = f"the claim compares {left!r} with itself"
        hint = "name two arms, or an arm and base"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint=hint)


def _costs_nothing(arm: ArmRef | None) -> bool:
    """Whether it is no arm that this suite makes: a base, given weights, a deployed form of an arm."""
    return arm is None or arm.is_given or arm.deployed is not None


def _judged_problems(claim: Claim, suite: Suite, where: str) -> Iterator[Problem]:
    """Against controls, both sides must have been compared with the same one."""
    left, _, right = claim.parts()
    judged = {spec.name for spec in suite.eval if spec.against_controls}
    arms = {arm.name: arm for arm in suite.expand()}
    if claim.eval not in judged or not {left, right} <= {*arms, *suite.base_subjects()}:
        return
    sides = [suite.control_of(arms[side]) or side if side in arms else None for side in (left, right)]
    if None in sides or sides[0] != sides[1]:
        what = f"on eval {claim.eval!r} each arm is compared with its own control: {left!r} and {right!r} share none"
        hint = "name an arm and its control, or two arms with the same control"
        yield Problem(reference="suite.claim", what=what, where=f"{where}.says", hint=hint)
