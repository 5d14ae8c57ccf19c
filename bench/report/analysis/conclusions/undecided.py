"""What a run shows where it decides nothing: which arm risks least, what it did resolve, and what it could have seen.

Contract: pure, composed from the decision and from resolved differences, and says nothing beyond them.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from math import inf, isinf
from statistics import median

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.difference_words import amount
from bench.report.analysis.scores.results import Contrast, Reading, Result
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import DECIDED, ClaimOutcome
from bench.suite.tables.arms.arms import is_base

_MOST_NAMED = 2
_READINGS: tuple[Reading, ...] = ("better", "worse")
_MAYBE: tuple[Reading, ...] = ("maybe better", "maybe worse")
_Results = Mapping[tuple[str, str], Result]


def open_reason(decision: Decision, measurands: Sequence[Measurand], results: _Results) -> str:
    """Why no arm is taken: that nothing shows the noise of training, or that nothing differs from the base, where that
    is so; else the decision's own reasons."""
    if decision.outcome == "open" and decision.lone:
        once = _named(decision.lone, _trained(decision), ("was", "were"))
        return f"{once} trained once, so nothing shows the noise of training"
    compared = [measurand for measurand in measurands if _readings(measurand, results)]
    if decision.outcome == "open" and compared and not any(_shown(compared, results)):
        names = fmt.listed([measurand.name for measurand in compared])
        maybe = "".join(f"; {said}" for said in _shown(compared, results, _MAYBE))
        return f"on {names} no arm is shown to be better or worse than the base{maybe}"
    return decision.why_open or "scores are missing"


def undecided_evidence(decision: Decision | None, measurands: Sequence[Measurand], results: _Results) -> Iterator[str]:
    """The option that risks least, and what is shown against the base."""
    if decision is not None and decision.pick is not None and decision.outcome == "open":
        yield _least_risk(decision)
    compared = [measurand for measurand in measurands if _readings(measurand, results)]
    shown = "; ".join(_shown(compared, results))
    if shown:
        yield f"Shown against the base: {shown}."


def reach(measurands: Sequence[Measurand], results: _Results, claims: Sequence[ClaimResult]) -> Iterator[str]:
    """The differences that a run like this one finds, and where more examples are to be had."""
    compared = [measurand for measurand in measurands if _readings(measurand, results)]
    yield from _in_reach(compared, results, _resolved(results, claims))
    limits = [f"{measurand.limit:,} of {measurand.name}" for measurand in compared if measurand.limit is not None]
    if limits:
        yield f"More examples need no new training: the suite limits each task to {fmt.listed(limits)}."


def cheapest_first(claims: Sequence[ClaimResult], *, about: str | None = None) -> list[ClaimResult]:
    """Claims without a verdict, those about an arm first: what only lacks a score, then by the work that would decide
    them, then what the eval has too few examples for, and last what nothing within reach decides."""

    def cost(result: ClaimResult) -> tuple[int, float]:
        if result.verdict.outcome == "incomplete":
            return 0, 0.0
        if not result.ways:
            return 3, 0.0
        best = result.ways[0]
        return 1 if best.possible else 2, float("inf") if best.seconds is None else best.seconds

    open_ = [result for result in claims if result.verdict.outcome not in DECIDED]
    return sorted(open_, key=lambda result: (result.claim.parts()[0] != about, *cost(result)))


@dataclass(frozen=True, slots=True, kw_only=True)
class StillOpen:
    """A claim without a verdict. leans: its verdict if the estimate is true. needed: what would decide it then at the
    least cost, or what it lacks."""

    claim: str
    leans: ClaimOutcome | None
    seen: str | None
    asked: str
    needed: str

    @property
    def brief(self) -> str:
        """`a > b on qa leans to refuted: about 590 examples (now 40)`; of what it lacks the first clause."""
        needed = self.needed if self.seen is not None else fmt.first_clause(self.needed)
        return f"{self.claim}{self._leaning}: {needed}"

    @property
    def text(self) -> str:
        """`a > b on qa leans to refuted: −2.3 points (−5.5 to +1.2), asked: better; about 590 examples (now 40)`."""
        seen = "" if self.seen is None else f"{self.seen}, asked: {self.asked}; "
        return f"{self.claim}{self._leaning}: {seen}{self.needed}"

    @property
    def _leaning(self) -> str:
        return "" if self.leans is None else f" leans to {self.leans}"


def still_open(result: ClaimResult) -> StillOpen:
    """What was seen of a claim without a verdict, and what would decide it; the reason where that is not known."""
    compared = result.ratio if result.delta is None else result.delta
    known = result.seen is not None and compared is not None and result.verdict.reason is None
    return StillOpen(
        claim=f"{result.claim.says} on {result.claim.measure}",
        leans=result.leans,
        seen=result.seen if known else None,
        asked=result.asked,
        needed=result.needed_by(result.ways[:1]),
    )


def _least_risk(decision: Decision) -> str:
    """`If one must be taken now, a risks least: …`, beside the likeliest, or else the base, which costs nothing."""
    assert decision.pick is not None, "asked before"
    prospect = decision.option(decision.pick).prospect
    assert prospect is not None, "an option with a value has a prospect"
    bases = [option.arm for option in decision.options if is_base(option.arm) and option.prospect is not None]
    rival = next((arm for arm in (decision.likeliest, *bases) if arm != decision.pick), None)
    beside = "" if rival is None else f", {rival} with {_share(decision, rival)}"
    asked = f"; {fmt.percent(decision.confidence, digits=0)} are asked for"
    return (
        f"If one must be taken now, {decision.pick} risks least: by "
        f"{fmt.listed([weight.name for weight in decision.weights])} it is on average "
        f"{fmt.above_zero(prospect.expected_loss)} below the best. "
        f"{'By the noise of the examples alone it' if decision.lone else 'It'} is the best with a probability of "
        f"{_share(decision, decision.pick)}{beside}{'' if decision.lone else asked}."
    )


def _trained(decision: Decision) -> int:
    return sum(not is_base(option.arm) for option in decision.options)


def _share(decision: Decision, arm: str) -> str:
    prospect = decision.option(arm).prospect
    return fmt.NONE if prospect is None else fmt.chance(prospect.near_best)


def _readings(measurand: Measurand, results: _Results) -> dict[str, Reading]:
    """How each arm compares with its base, on what is trained for or may be forgotten; empty of a diagnostic."""
    if measurand.role == "diagnostic":
        return {}
    of_eval = [result for (_, name), result in results.items() if name == measurand.name]
    return {result.arm: result.versus_base.reading for result in of_eval if result.versus_base is not None}


def _shown(compared: Sequence[Measurand], results: _Results, asked: Sequence[Reading] = _READINGS) -> Iterator[str]:
    """`on qa all 6 arms are better`, for each eval and direction."""
    for measurand in compared:
        readings = _readings(measurand, results)
        for reading in asked:
            arms = [arm for arm, read in readings.items() if read == reading]
            if arms:
                yield f"on {measurand.name} {_named(arms, len(readings))} {reading}"


def _named(arms: Sequence[str], every: int, verbs: tuple[str, str] = ("is", "are")) -> str:
    """`a and b are`, `all 6 arms are`, or `4 of 6 arms are`."""
    one, several = verbs
    if len(arms) <= _MOST_NAMED:
        return f"{fmt.listed(list(arms))} {one if len(arms) == 1 else several}"
    return f"all {every} arms {several}" if len(arms) == every else f"{len(arms)} of {every} arms {several}"


def _resolved(results: _Results, claims: Sequence[ClaimResult]) -> set[str]:
    """Evals on which something is shown: an arm against base or control, or a claim."""
    contrasts = [
        contrast
        for result in results.values()
        for contrast in (result.versus_base, result.versus_control)
        if contrast is not None and contrast.reading in _READINGS
    ]
    decided = [result.claim.on for result in claims if result.verdict.outcome in DECIDED]
    return {*(contrast.measurand for contrast in contrasts), *decided}


def _in_reach(compared: Sequence[Measurand], results: _Results, resolved: Set[str]) -> Iterator[str]:
    """The differences that a run like this one finds, and the evals on which even the largest possible would have gone
    unseen: of an eval with a resolved difference, in most comparisons."""
    typical = [(m, size) for m in compared if (size := _typical_reach(m, results)) is not None]
    blind = [m.name for m, size in typical if isinf(size)]
    seen = [f"{amount(size, m)} on {m.name}" for m, size in typical if m.name not in blind]
    if seen:
        known = any(_repeated(m, results) for m in compared)
        finds = "this run finds" if known else "the examples alone would show"
        unknown = "" if known else "; nothing shows the noise of training"
        yield f"With 80% power {finds} {fmt.listed(seen)}, in the median of its comparisons{unknown}."
    none_found = [name for name in blind if name not in resolved]
    if none_found:
        yield f"On {fmt.listed(none_found)} this run is too small to find any difference with 80% power."
    some_found = [name for name in blind if name in resolved]
    if some_found:
        yield f"On {fmt.listed(some_found)} most comparisons have less than 80% power to find any difference."


def _contrasts(measurand: Measurand, results: _Results) -> Iterator[Contrast]:
    for (_, name), result in results.items():
        for contrast in (result.versus_base, result.versus_control):
            if name == measurand.name and contrast is not None:
                yield contrast


def _repeated(measurand: Measurand, results: _Results) -> bool:
    """Whether a comparison knows the noise of training: of one seed nothing is ever found."""
    return any(contrast.delta.repeated for contrast in _contrasts(measurand, results))


def _typical_reach(measurand: Measurand, results: _Results) -> float | None:
    """The median over the comparisons: the smallest is that of two arms that happen to agree. Infinite where the scale
    ends before it."""
    sizes = [
        size if measurand.can_differ_by(size, contrast.delta.reference_mean) else inf
        for contrast in _contrasts(measurand, results)
        if (size := contrast.detectable) is not None
    ]
    return median(sizes) if sizes else None
