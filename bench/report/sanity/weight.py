"""What a sanity verdict changes: the conclusions that rest on what it puts in doubt.

Contract: pure. What is concluded can change: decided claims, a decided choice of an arm; and where the suite asks for
neither, the marks. What spoils scores may also be why a claim on them is open. A verdict of a kind that is not named
here is taken to concern its arm and its eval.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.lead import DECISION, conclusion
from bench.report.analysis.finding import Finding
from bench.report.analysis.scores.contamination import Contaminated
from bench.stats.conclusions.claim_types import DECIDED
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import is_base

MARKS = "the marks against base and control"
_HARMLESS = frozenset(
    {
        "peak under load",  # the figure is left out already
        "speed shared",  # the cell says so, and no claim is decided from it
        "looked before",  # claims are corrected for it
        "claims opposed",  # all count among the claims
        "claim implied",
        "slice empty",
        "padding",
        "template",
        "rows not as they are",
    }
)
_COVERED = frozenset({"scores missing", "scores unusable"})
"""What intervals, marks and verdicts cover the worst case of already: only what is open can change."""
_OF_SCORES = _COVERED | {
    "answers end early", "examples cut", "thinking cut off", "template mismatch", "bare prompts", "nothing right",
    "as evaluated ≠ as trained", "not applied in part", "rounded in evals", "same as base", "judge inconsistent",
    "verdicts unread",
}  # fmt: skip
"""What keeps scores from showing what an arm can do: without it, an open claim may be decided."""
_OF_DOSE = frozenset({"rows unseen", "dose differs", "budgets differ", "budget mismatch"})
"""What keeps a training from showing what its rows can do: another dose may decide an open claim."""
_BETWEEN_ARMS = frozenset({"dose differs", "budgets differ", "budget mismatch", "one draw"})
_AGAINST_BASE = frozenset({"bare prompts"})


def weighed(finding: Finding, comparison: Comparison) -> Finding:
    """The verdict with what it changes."""
    if finding.name in _HARMLESS:
        return finding
    changes = [] if finding.name in _COVERED else list(_SPECIAL.get(finding.name, _concerned)(finding, comparison))
    if finding.name in _OF_SCORES | _OF_DOSE:
        changes += _kept_open(finding, comparison)
    return replace(finding, changes=tuple(dict.fromkeys(changes)))


def _kept_open(finding: Finding, comparison: Comparison) -> Iterator[str]:
    """Open claims on what it spoils, and the choice that they leave open."""
    for result in comparison.claims:
        if result.verdict.outcome not in DECIDED and _concerns(finding, result):
            yield conclusion(result)
    decision = comparison.decision
    if decision is not None and decision.outcome != "decided" and _weighs(finding, decision):
        yield DECISION


def _concerned(finding: Finding, comparison: Comparison) -> Iterator[str]:
    """Decided claims about its arm and its eval, and the choice where it is between such arms."""
    yield from (conclusion(result) for result in _decided(comparison) if _concerns(finding, result))
    yield from _choice(finding, comparison)
    if not comparison.claims and comparison.decision is None:
        yield MARKS


def _concerns(finding: Finding, result: ClaimResult) -> bool:
    """A verdict without an arm is about all arms, one without an eval about all that was measured of them; some are
    about arms beside each other alone, some about arms beside a base."""
    sides = result.claim.parts()[::2]
    between = not any(is_base(side) for side in sides)
    if finding.name in (_AGAINST_BASE if between else _BETWEEN_ARMS):
        return False
    if finding.arm is not None and finding.arm not in sides:
        return False
    return finding.measurand is None or result.claim.on in (finding.measurand, finding.measurand.partition("/")[0])


def _choice(finding: Finding, comparison: Comparison) -> Iterator[str]:
    decision = comparison.decision
    if decision is None or decision.outcome != "decided":
        return
    if _weighs(finding, decision) and finding.arm in (None, decision.pick, decision.runner_up):
        yield DECISION


def _weighs(finding: Finding, decision: Decision) -> bool:
    return finding.measurand is None or finding.measurand in {weight.name for weight in decision.weights}


def _below_base(finding: Finding, comparison: Comparison) -> Iterator[str]:
    """A target alone: that a training forgets is a result, and its mark says so."""
    if any(entry.name == finding.measurand and entry.role == "target" for entry in comparison.measurands):
        yield from _concerned(finding, comparison)


def _nothing_right(finding: Finding, comparison: Comparison) -> Iterator[str]:
    """A base without a right answer makes differences from it differences from zero: that an arm is better may be its
    form alone."""
    if finding.arm is None or not is_base(finding.arm):
        yield from _concerned(finding, comparison)
        return
    against = [r.versus_base for r in comparison.results.values() if r.measurand.name == finding.measurand]
    if any(contrast is not None and contrast.reading in ("better", "maybe better") for contrast in against):
        yield f"by how much arms are better than {finding.arm} on {finding.measurand}"
    for result in _decided(comparison):
        if result.claim.on == finding.measurand and finding.arm in result.claim.parts()[::2]:
            yield conclusion(result)


def _contaminated(finding: Finding, comparison: Comparison) -> Iterator[str]:
    """Claims that the contaminated examples alone could turn, and differences that read otherwise without them."""
    for affected in comparison.contamination.arms:
        if (affected.arm, affected.measurand) == (finding.arm, finding.measurand):
            yield from _turned(affected, comparison)


def _turned(affected: Contaminated, comparison: Comparison) -> Iterator[str]:
    measurand = next(entry for entry in comparison.measurands if entry.name == affected.measurand)
    span = measurand.largest_difference
    shift = None if span is None else span * affected.found / affected.examples
    for result in _decided(comparison):
        slack = _slack(result, higher_is_better=measurand.higher_is_better)
        if result.claim.on != affected.measurand or affected.arm not in result.claim.parts()[::2] or slack is None:
            continue
        if shift is None or shift >= slack:
            yield conclusion(result)
    for cleaned in (affected.versus_base, affected.versus_control):
        if cleaned is not None and _side(cleaned.all) != _side(cleaned.clean):
            yield f"{affected.arm} against {cleaned.reference} on {affected.measurand}"


def _slack(result: ClaimResult, *, higher_is_better: bool) -> float | None:
    """How far the interval would have to move for another verdict, in the eval's units."""
    interval = None if result.delta is None else result.delta.tested_interval
    if interval is None:
        return None
    low, high = interval if higher_is_better else (-interval[1], -interval[0])
    return min(abs(end - bound) for end in result.thresholds for bound in (low, high))


def _side(delta: Delta) -> int | None:
    """1 or -1 where the interval excludes zero, else 0; `None` without an interval."""
    if delta.low is None or delta.high is None:
        return None
    return int(delta.low > 0) - int(delta.high < 0)


def _decided(comparison: Comparison) -> Iterator[ClaimResult]:
    return (result for result in comparison.claims if result.verdict.outcome in DECIDED)


_SPECIAL: dict[str, Callable[[Finding, Comparison], Iterator[str]]] = {
    "below base": _below_base,
    "nothing right": _nothing_right,
    "contaminated": _contaminated,
}
