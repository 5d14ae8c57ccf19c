"""What a run shows where it decides nothing: which arm risks least, what it did resolve, and what it could have seen.

Contract: pure, composed from the decision and from resolved differences, and says nothing beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.difference_words import amount
from bench.report.analysis.conclusions.verdict_sentence import ways_to_decide
from bench.report.analysis.scores.results import Reading, Result
from bench.report.render import format as fmt
from bench.suite.tables.arms import is_base

_MOST_NAMED = 2
_READINGS: tuple[Reading, ...] = ("better", "worse")
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
        return f"on {names} no arm is shown to be better or worse than the base"
    return "; ".join(decision.reasons) or "scores are missing"


def undecided_evidence(decision: Decision | None, measurands: Sequence[Measurand], results: _Results) -> Iterator[str]:
    """The option that risks least, what is shown against the base, the differences that were in reach, and where
    more examples are to be had."""
    if decision is not None and decision.pick is not None and decision.outcome == "open":
        yield _least_risk(decision)
    compared = [measurand for measurand in measurands if _readings(measurand, results)]
    shown = "; ".join(_shown(compared, results))
    if shown:
        yield f"Shown against the base: {shown}."
    yield from _in_reach(compared, results)
    limits = [f"{measurand.limit:,} of {measurand.name}" for measurand in compared if measurand.limit is not None]
    if limits:
        yield f"More examples need no new training: the suite limits each task to {fmt.listed(limits)}."


def open_claim(result: ClaimResult) -> str:
    """`a > b on qa: −2.3 points (−5.5 to +1.2), asked: better; about 590 examples (now 40)`: what was seen, and what
    would decide it; the reason where that is not known."""
    claim = f"{result.claim.says} on {result.claim.measure}"
    compared = result.ratio if result.delta is None else result.delta
    if result.seen is None or compared is None or result.verdict.reason is not None:
        return f"{claim}: {result.why}"
    seen = result.seen.removeprefix("not resolved: ").partition("; ")[0]
    needed = ways_to_decide(result.verdict, compared) or "no number of examples or seeds within reach"
    return f"{claim}: {seen}, asked: {result.asked}; {needed}"


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
        f"{fmt.number(prospect.expected_loss)} below the best. "
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


def _shown(compared: Sequence[Measurand], results: _Results) -> Iterator[str]:
    """`on qa all 6 arms are better`, for each eval and direction."""
    for measurand in compared:
        readings = _readings(measurand, results)
        for reading in _READINGS:
            arms = [arm for arm, read in readings.items() if read == reading]
            if arms:
                yield f"on {measurand.name} {_named(arms, len(readings))} {reading}"


def _named(arms: Sequence[str], every: int, verbs: tuple[str, str] = ("is", "are")) -> str:
    """`a and b are`, `all 6 arms are`, or `4 of 6 arms are`."""
    one, several = verbs
    if len(arms) <= _MOST_NAMED:
        return f"{fmt.listed(list(arms))} {one if len(arms) == 1 else several}"
    return f"all {every} arms {several}" if len(arms) == every else f"{len(arms)} of {every} arms {several}"


def _in_reach(compared: Sequence[Measurand], results: _Results) -> Iterator[str]:
    """The differences that a run like this one finds, and the evals on which even the largest possible would have gone
    unseen."""
    typical = [(m, size) for m in compared if (size := _typical_reach(m, results)) is not None]
    blind = [m.name for m, size in typical if m.binary and size > 1]
    seen = [f"{amount(size, m)} on {m.name}" for m, size in typical if m.name not in blind]
    if seen:
        yield f"With 80% power this run finds {fmt.listed(seen)}, in the median of its comparisons."
    if blind:
        yield f"On {fmt.listed(blind)} this run is too small to find any difference with 80% power."


def _typical_reach(measurand: Measurand, results: _Results) -> float | None:
    """The median over the comparisons: the smallest is that of two arms that happen to agree."""
    contrasts = [
        contrast
        for (_, name), result in results.items()
        for contrast in (result.versus_base, result.versus_control)
        if name == measurand.name and contrast is not None
    ]
    known = [contrast.detectable for contrast in contrasts if contrast.detectable is not None]
    return median(known) if known else None
